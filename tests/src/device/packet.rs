//! What becomes of a message on its way out of a device that cannot count.

use super::behaviour::{Behaviour, LengthLine};

/// The packets in which a message leaves the device. Only a MESSAGE is miscounted and cut.
pub(super) fn packets(message: &[u8], behaviour: &Behaviour) -> Vec<Vec<u8>> {
    let (bytes, cut_at) = match message.starts_with(b"MESSAGE ") {
        true => (counted(message, behaviour.length_line), behaviour.cut_at),
        false => (message.to_vec(), None),
    };
    let bytes = [behaviour.noise, &bytes].concat();
    bytes.chunks(cut_at.unwrap_or(bytes.len()).max(1)).map(<[u8]>::to_vec).collect()
}

/// The message with that Content-Length.
fn counted(message: &[u8], line: LengthLine) -> Vec<u8> {
    const FIELD: &[u8] = b"Content-Length: ";
    let Some(start) = message.windows(FIELD.len()).position(|bytes| bytes == FIELD) else {
        return message.to_vec();
    };
    let Some(end) = message[start..].iter().position(|&byte| byte == b'\n').map(|end| start + end + 1) else {
        return message.to_vec();
    };
    // The field is the last of the head; a blank line follows it.
    let body = message.len() - end - 2;
    let field = match line {
        LengthLine::True => format!("Content-Length: {body}\r\n"),
        LengthLine::Off(by) => format!("Content-Length: {}\r\n", body.saturating_add_signed(by)),
        LengthLine::Omit => String::new(),
        LengthLine::Zero => "Content-Length: 0\r\n".to_owned(),
    };
    [&message[..start], field.as_bytes(), &message[end..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_leaves_as_told() {
        let message = b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 4\r\n\r\n<a/>";
        let sent = |behaviour: Behaviour| {
            let packets = packets(message, &behaviour).into_iter();
            packets.map(|packet| String::from_utf8(packet).unwrap()).collect::<Vec<_>>()
        };
        let counted = |length_line| sent(Behaviour { length_line, ..Behaviour::default() }).concat();
        assert_eq!(counted(LengthLine::True).as_bytes(), message);
        assert_eq!(counted(LengthLine::Off(-3)), "MESSAGE sip:a SIP/2.0\r\nContent-Length: 1\r\n\r\n<a/>");
        assert_eq!(counted(LengthLine::Omit), "MESSAGE sip:a SIP/2.0\r\n\r\n<a/>");
        assert_eq!(counted(LengthLine::Zero), "MESSAGE sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n<a/>");
        let cut = sent(Behaviour { cut_at: Some(30), noise: b"\r\n", ..Behaviour::default() });
        assert_eq!(cut, ["\r\nMESSAGE sip:a SIP/2.0\r\nConte", "nt-Length: 4\r\n\r\n<a/>"]);
    }
}
