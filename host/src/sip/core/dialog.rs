//! Dialogs: what two ends agree on once an INVITE is answered (RFC 3261 §12).

use serde::{Deserialize, Serialize};

use super::{
    message::{Method, Request, Response},
    peer::Peer,
};

/// One dialog that we opened. Its stream holds it and stores it; nothing here looks it up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    /// Call-ID of every request in it.
    pub call_id: String,
    /// Our From line as we sent it, tag included: devices compare it letter by letter.
    pub local: String,
    /// Our tag.
    pub local_tag: String,
    /// The device's To line as it sent it.
    pub remote: String,
    /// The device's tag; none from one that knows only RFC 2543 (§12.1.2).
    pub remote_tag: Option<String>,
    /// CSeq of our INVITE, which its ACK repeats.
    pub invite_cseq: u32,
    /// CSeq of our latest request.
    pub local_cseq: u32,
    /// CSeq of the device's latest request.
    pub remote_cseq: Option<u32>,
    /// Request-URI of our requests: the device's Contact. A name only, often a private address.
    pub remote_target: String,
    /// Route lines, in the order in which they are sent.
    pub route_set: Vec<String>,
    /// Where our packets go.
    pub peer: Peer,
}

impl Dialog {
    /// The dialog that a 2xx to `invite` opens (§12.1.2). Without Contact, which some devices
    /// leave out, its target is the INVITE's.
    pub fn from_answer(invite: &Request, answer: &Response, peer: Peer) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let cseq = invite.headers.cseq().map_or(0, |cseq| cseq.number);
        let mut route_set: Vec<_> = answer.headers.values("Record-Route").map(str::to_owned).collect();
        route_set.reverse();
        Self {
            call_id: text(invite.headers.call_id()),
            local: text(invite.headers.get("From")),
            local_tag: text(invite.headers.from_tag()),
            remote: text(answer.headers.get("To")),
            remote_tag: answer.headers.to_tag().map(str::to_owned),
            invite_cseq: cseq,
            local_cseq: cseq,
            remote_cseq: None,
            remote_target: answer.headers.contact_uri().unwrap_or(&invite.uri).to_owned(),
            route_set,
            peer,
        }
    }

    /// The next request in this dialog (§12.2.1.1); store the dialog before you send it, or its
    /// CSeq may be used twice. It goes to `peer`.
    pub fn request(&mut self, method: Method) -> Request {
        self.local_cseq += 1;
        self.build(method, self.local_cseq)
    }

    /// The ACK to the 2xx (§13.2.2.4).
    pub fn ack(&self) -> Request {
        self.build(Method::Ack, self.invite_cseq)
    }

    /// Whether a device's request belongs here (§12.2.2). A tag that it leaves out counts as ours.
    pub fn matches(&self, request: &Request) -> bool {
        let headers = &request.headers;
        let same = |named: Option<&str>, known: &str| named.is_none_or(|tag| tag == known);
        headers.call_id() == Some(&self.call_id)
            && same(headers.to_tag(), &self.local_tag)
            && same(headers.from_tag(), self.remote_tag.as_deref().unwrap_or_default())
    }

    /// Takes note of a device's request that belongs here. False if a later one came before it:
    /// then 500 is due (§12.2.2).
    pub fn advance(&mut self, request: &Request) -> bool {
        let Some(cseq) = request.headers.cseq() else { return false };
        let rises = self.remote_cseq.is_none_or(|last| cseq.number > last);
        if rises {
            self.remote_cseq = Some(cseq.number);
        }
        rises
    }

    fn build(&self, method: Method, cseq: u32) -> Request {
        let cseq = format!("{cseq} {method}");
        let mut request = Request::new(method, self.remote_target.as_str());
        for route in &self.route_set {
            request.headers.push("Route", route);
        }
        request
            .with("From", &self.local)
            .with("To", &self.remote)
            .with("Call-ID", &self.call_id)
            .with("CSeq", cseq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: &str = "34020000001320000001";

    fn invite() -> Request {
        Request::new(Method::Invite, format!("sip:{DEVICE}@192.0.2.7:5060"))
            .with("From", "<sip:34020000002000000001@3402000000>;tag=ours")
            .with("To", format!("<sip:{DEVICE}@3402000000>"))
            .with("Call-ID", "call")
            .with("CSeq", "20 INVITE")
    }

    fn dialog(extra: &[(&str, &str)]) -> Dialog {
        let mut answer = invite().respond(200);
        answer.headers.set("To", &format!("\"IPC\" <sip:{DEVICE}@3402000000>;tag=theirs"));
        extra.iter().for_each(|(name, value)| answer.headers.push(name, value));
        let peer = Peer::udp(([192, 0, 2, 7], 5060).into(), ([192, 0, 2, 1], 5060).into());
        Dialog::from_answer(&invite(), &answer, peer)
    }

    fn from_device(from_tag: &str, to_tag: &str, cseq: &str) -> Request {
        Request::new(Method::Bye, "sip:34020000002000000001@192.0.2.1")
            .with("From", format!("<sip:{DEVICE}@3402000000>{from_tag}"))
            .with("To", format!("<sip:34020000002000000001@3402000000>{to_tag}"))
            .with("Call-ID", "call")
            .with("CSeq", cseq)
    }

    #[test]
    fn requests_carry_the_lines_of_the_invite_and_a_rising_cseq() {
        let mut dialog = dialog(&[("Contact", "<sip:34020000001320000001@10.0.0.8:5060>")]);
        let wire = |request: Request| String::from_utf8(request.to_bytes()).expect("ASCII");
        let expected = |method: &str, cseq: u32| {
            format!(
                "{method} sip:34020000001320000001@10.0.0.8:5060 SIP/2.0\r\n\
                 From: <sip:34020000002000000001@3402000000>;tag=ours\r\n\
                 To: \"IPC\" <sip:34020000001320000001@3402000000>;tag=theirs\r\n\
                 Call-ID: call\r\n\
                 CSeq: {cseq} {method}\r\n\
                 Content-Length: 0\r\n\r\n"
            )
        };
        assert_eq!(wire(dialog.ack()), expected("ACK", 20));
        assert_eq!(wire(dialog.request(Method::Info)), expected("INFO", 21));
        assert_eq!(wire(dialog.ack()), expected("ACK", 20));
        assert_eq!(wire(dialog.request(Method::Bye)), expected("BYE", 22));
    }

    #[test]
    fn without_contact_the_target_is_the_invite_s() {
        assert_eq!(dialog(&[]).remote_target, invite().uri);
    }

    #[test]
    fn the_route_set_is_the_record_route_reversed() {
        let recorded = [("Record-Route", "<sip:a;lr>, <sip:b;lr>"), ("Record-Route", "<sip:c;lr>")];
        let mut dialog = dialog(&recorded);
        assert_eq!(dialog.route_set, ["<sip:c;lr>", "<sip:b;lr>", "<sip:a;lr>"]);
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.headers.all("Route").collect::<Vec<_>>(), dialog.route_set);
    }

    #[test]
    fn a_request_belongs_by_call_id_and_tags() {
        let dialog = dialog(&[]);
        assert!(dialog.matches(&from_device(";tag=theirs", ";tag=ours", "1 BYE")));
        assert!(dialog.matches(&from_device("", "", "1 BYE")));
        assert!(!dialog.matches(&from_device(";tag=theirs", ";tag=other", "1 BYE")));
        assert!(!dialog.matches(&from_device(";tag=other", ";tag=ours", "1 BYE")));
        let mut elsewhere = from_device(";tag=theirs", ";tag=ours", "1 BYE");
        elsewhere.headers.set("Call-ID", "another");
        assert!(!dialog.matches(&elsewhere));
    }

    #[test]
    fn an_older_request_is_out_of_order() {
        let mut dialog = dialog(&[]);
        let mut advance = |cseq| dialog.advance(&from_device(";tag=theirs", ";tag=ours", cseq));
        assert_eq!(["5 INFO", "5 INFO", "4 INFO", "6 BYE"].map(&mut advance), [true, false, false, true]);
    }

    #[test]
    fn it_survives_the_store() {
        let dialog = dialog(&[("Record-Route", "<sip:a;lr>")]);
        let stored = serde_json::to_string(&dialog).expect("plain data");
        assert_eq!(serde_json::from_str::<Dialog>(&stored).expect("what was written"), dialog);
    }
}
