//! Just enough of MPEG-PS to tell what can be decoded (ISO/IEC 13818-1 §2.5).

/// What the packets of a stream showed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Program {
    /// A pack header came.
    pack: bool,
    /// A program stream map came: it names the codecs.
    map: bool,
    /// Video came.
    video: bool,
    /// The map names an audio stream.
    pub(super) audio: bool,
}

const PACK: u8 = 0xba;
const MAP: u8 = 0xbc;
const VIDEO: u8 = 0xe0;

impl Program {
    /// Looks at one RTP payload; whether it starts a key frame, which is where the map stands.
    pub(super) fn look(&mut self, payload: &[u8]) -> bool {
        let mut key = false;
        for at in 0..payload.len().saturating_sub(3) {
            if payload[at..at + 3] != [0, 0, 1] {
                continue;
            }
            match payload[at + 3] {
                PACK => self.pack = true,
                VIDEO => self.video = true,
                MAP if self.pack => {
                    key = true;
                    self.map = true;
                    self.audio |= names_audio(&payload[at..]);
                }
                _ => {}
            }
        }
        key
    }

    /// The codecs are known at once.
    pub(super) fn is_mapped(&self) -> bool {
        self.map
    }

    /// The codecs can be guessed, in time.
    pub(super) fn is_guessable(&self) -> bool {
        self.pack && self.video
    }
}

/// Whether a program stream map lists an audio stream id (0xC0 to 0xDF).
fn names_audio(map: &[u8]) -> bool {
    let word = |at: usize| Some(usize::from(u16::from_be_bytes(map.get(at..at + 2)?.try_into().ok()?)));
    let Some(info) = word(8) else { return false };
    let Some(length) = word(10 + info) else { return false };
    let (mut at, end) = (12 + info, 12 + info + length);
    while at + 4 <= end.min(map.len()) {
        if (0xc0..0xe0).contains(&map[at + 1]) {
            return true;
        }
        at += 4 + word(at + 2).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp;

    #[test]
    fn the_samples_are_told_apart() {
        for (sample, audio) in [(rtp::SAMPLE, false), (rtp::SAMPLE_WITH_AUDIO, true)] {
            let mut program = Program::default();
            let packs = rtp::packs(sample);
            assert!(program.look(&packs[0][..1400]));
            assert_eq!(program, Program { pack: true, map: true, video: true, audio });
            assert!(!program.look(packs[1]));
        }
    }

    #[test]
    fn noise_shows_nothing() {
        let mut program = Program::default();
        assert!(!program.look(&[0x55; 1400]));
        assert!(!program.is_mapped() && !program.is_guessable());
    }

    #[test]
    fn without_a_map_the_codec_is_guessed() {
        let mut program = Program::default();
        program.look(rtp::packs(rtp::SAMPLE)[1]);
        assert!(!program.is_mapped() && program.is_guessable());
    }
}
