//! Standard output and error: lines for the plugin's log.

use super::super::bindings::sluice::policy::host::Level;

/// One of the two streams that a guest can print to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Stream {
    /// Standard error.
    Err,
    /// Standard output.
    Out,
}

impl Stream {
    /// Bytes that may be written at once.
    pub(super) const ROOM: u64 = 4096;

    /// Which handle the guest gets; 0 is nothing's.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Out => 1,
            Self::Err => 2,
        }
    }

    pub(super) fn of_number(number: u32) -> Option<Self> {
        [Self::Err, Self::Out].into_iter().find(|stream| stream.number() == number)
    }

    fn level(self) -> Level {
        match self {
            Self::Err => Level::Warn,
            Self::Out => Level::Info,
        }
    }
}

/// What was printed and is no whole line yet. Guests print a line in pieces.
#[derive(Default)]
pub(in super::super) struct Stdio {
    err: Vec<u8>,
    out: Vec<u8>,
}

impl Stdio {
    /// A longer line becomes several.
    const LINE: usize = 1 << 10;

    /// Prints; whole lines go to `log`.
    pub(in super::super) fn print(
        &mut self,
        stream: Stream,
        bytes: impl Iterator<Item = u8>,
        log: impl Fn(Level, &str),
    ) {
        let line = match stream {
            Stream::Err => &mut self.err,
            Stream::Out => &mut self.out,
        };
        for byte in bytes {
            if byte != b'\n' {
                line.push(byte);
            }
            if byte == b'\n' || line.len() >= Self::LINE {
                end(line, stream, &log);
            }
        }
    }

    /// Ends the lines that a call leaves behind; after a trap they are often its reason.
    pub(in super::super) fn flush(&mut self, log: impl Fn(Level, &str)) {
        end(&mut self.out, Stream::Out, &log);
        end(&mut self.err, Stream::Err, &log);
    }
}

fn end(line: &mut Vec<u8>, stream: Stream, log: &impl Fn(Level, &str)) {
    if !line.is_empty() {
        log(stream.level(), &String::from_utf8_lossy(line));
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn lines_are_put_together_and_told_apart_by_stream() {
        let lines = RefCell::new(Vec::new());
        let log = |level: Level, line: &str| lines.borrow_mut().push((level, line.to_owned()));
        let mut stdio = Stdio::default();
        for (stream, text) in [
            (Stream::Out, &b"one\n\ntw"[..]),
            (Stream::Err, b"wrong\n"),
            (Stream::Out, b"o\nthree"),
            (Stream::Err, b"\xff"),
        ] {
            stdio.print(stream, text.iter().copied(), log);
        }
        stdio.flush(log);
        stdio.flush(log);
        let expected = [
            (Level::Info, "one"),
            (Level::Warn, "wrong"),
            (Level::Info, "two"),
            (Level::Info, "three"),
            (Level::Warn, "\u{fffd}"),
        ];
        assert_eq!(lines.into_inner(), expected.map(|(level, line)| (level, line.to_owned())));
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let lengths = RefCell::new(Vec::new());
        let log = |_, line: &str| lengths.borrow_mut().push(line.len());
        let mut stdio = Stdio::default();
        stdio.print(Stream::Out, std::iter::repeat_n(b'x', 2500), log);
        stdio.flush(log);
        assert_eq!(lengths.into_inner(), [1024, 1024, 452]);
    }
}
