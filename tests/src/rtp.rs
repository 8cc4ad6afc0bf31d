//! RTP as GB28181 devices send it: MPEG-PS, payload type 96, 90 kHz (RFC 3550, RFC 2250), and its framing on
//! TCP (RFC 4571).

/// The payload type of PS.
pub const PAYLOAD_TYPE: u8 = 96;
/// Ticks of an RTP timestamp in a second.
pub const CLOCK: u32 = 90_000;
/// The largest payload that devices put into one packet.
pub const MAX_PAYLOAD: usize = 1_400;
/// Frames in a second of the bundled samples.
pub const FRAME_RATE: u32 = 10;

/// H.264 320x240, 10 frames a second, 10 s: what a camera without a microphone sends.
pub const SAMPLE: &[u8] = include_bytes!("../data/media/sample.ps");
/// The same with G.711A audio.
pub const SAMPLE_WITH_AUDIO: &[u8] = include_bytes!("../data/media/sample_g711a.ps");

const HEADER: usize = 12;
const PACK: [u8; 4] = [0, 0, 1, 0xba];

/// An RTP packet, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The marker: last packet of a frame.
    pub marker: bool,
    /// Rises by one for each packet sent.
    pub sequence: u16,
    /// Sampling instant, in ticks of [`CLOCK`].
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
    /// The media.
    pub payload: Vec<u8>,
}

impl Packet {
    /// Reads a packet of version 2; CSRCs, extension and padding are skipped. `None` when it is something else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        if first >> 6 != 2 {
            return None;
        }
        let mut start = HEADER + 4 * usize::from(first & 0x0f);
        if first & 0x10 != 0 {
            start += 4 + 4 * usize::from(word(bytes, start + 2)?);
        }
        let padding = if first & 0x20 != 0 { usize::from(*bytes.last()?) } else { 0 };
        Some(Self {
            marker: second & 0x80 != 0,
            sequence: word(bytes, 2)?,
            timestamp: long(bytes, 4)?,
            ssrc: long(bytes, 8)?,
            payload: bytes.get(start..bytes.len().checked_sub(padding)?)?.to_vec(),
        })
    }

    /// The packet as a datagram.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.payload.len());
        bytes.extend([0x80, PAYLOAD_TYPE | if self.marker { 0x80 } else { 0 }]);
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.timestamp.to_be_bytes());
        bytes.extend(self.ssrc.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }
}

/// Puts the two-byte length before a packet (RFC 4571 §2). `packet` is shorter than 64 KiB.
pub fn frame(packet: &[u8]) -> Vec<u8> {
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend(&packet[..usize::from(length)]);
    framed
}

/// Cuts a TCP byte stream into RTP packets (RFC 4571 §2).
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
}

impl Deframer {
    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole packet.
    pub fn next_packet(&mut self) -> Option<Vec<u8>> {
        let length = usize::from(word(&self.buffer, 0)?);
        let packet = self.buffer.get(2..2 + length)?.to_vec();
        self.buffer.drain(..2 + length);
        Some(packet)
    }
}

/// Splits a program stream into its packs: one frame each, as cameras write them.
pub fn packs(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> =
        (0..stream.len().saturating_sub(3)).filter(|&at| stream[at..at + 4] == PACK).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| &stream[start..end]).collect()
}

/// Numbers and stamps the packets of one sender.
#[derive(Debug)]
pub struct Packetizer {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl Packetizer {
    /// A sender with that SSRC, from sequence number and timestamp 0.
    pub fn new(ssrc: u32) -> Self {
        Self { ssrc, sequence: 0, timestamp: 0 }
    }

    /// The packets of one pack: one timestamp, the marker on the last.
    pub fn pack(&mut self, pack: &[u8]) -> Vec<Packet> {
        let count = pack.len().div_ceil(MAX_PAYLOAD);
        let packets = pack.chunks(MAX_PAYLOAD).enumerate().map(|(index, payload)| {
            let sequence = self.sequence;
            self.sequence = self.sequence.wrapping_add(1);
            Packet {
                marker: index + 1 == count,
                sequence,
                timestamp: self.timestamp,
                ssrc: self.ssrc,
                payload: payload.to_vec(),
            }
        });
        let packets = packets.collect();
        self.timestamp = self.timestamp.wrapping_add(CLOCK / FRAME_RATE);
        packets
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_a_pack_for_each_of_its_hundred_frames() {
        let packs = packs(SAMPLE);
        assert_eq!(packs.len(), 100);
        assert_eq!(packs.concat(), SAMPLE);
    }

    #[test]
    fn a_key_frame_becomes_packets_of_one_timestamp_with_one_marker() {
        let pack = packs(SAMPLE)[0];
        let mut packetizer = Packetizer::new(200_000_001);
        let packets = packetizer.pack(pack);
        assert_eq!(packets.iter().map(|p| p.payload.len()).collect::<Vec<_>>(), [1400, 1400, 1400, 749]);
        assert_eq!(packets.iter().map(|p| p.marker).collect::<Vec<_>>(), [false, false, false, true]);
        assert!(packets.iter().all(|p| p.timestamp == 0 && p.ssrc == 200_000_001));
        let next = packetizer.pack(&pack[..10]);
        assert_eq!((next[0].sequence, next[0].timestamp), (4, 9_000));
        assert_eq!(Packet::parse(&packets[3].to_bytes()), Some(packets[3].clone()));
    }

    #[test]
    fn what_is_not_rtp_is_not_read() {
        assert_eq!(Packet::parse(b"jaK\0"), None);
        assert_eq!(Packet::parse(&[0x90, 96, 0, 0]), None);
    }

    #[test]
    fn frames_on_tcp_are_cut_wherever_the_stream_was_split() {
        let wire = [frame(b"one"), frame(b""), frame(b"three")].concat();
        let mut deframer = Deframer::default();
        let mut found = Vec::new();
        for byte in wire {
            deframer.push(&[byte]);
            while let Some(packet) = deframer.next_packet() {
                found.push(packet);
            }
        }
        assert_eq!(found, [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
    }
}
