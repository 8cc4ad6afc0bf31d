//! The names of transactions: how an answer finds its request, and a repetition its original.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, BuildHasherDefault, Hash, Hasher},
    net::IpAddr,
};

use super::message::{Method, Request};

/// What every branch begins with since RFC 3261 (§8.1.1.7).
const MAGIC: &str = "z9hG4bK";

/// One request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(u64);

/// One request of a peer's: a keyed hash of what names it. 128 bits cost less than the strings,
/// and without the key nobody can aim for a collision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerId(u64, u64);

/// A table by names that are keyed hashes already: hashing them once more would win nothing.
pub(super) type Named<T> = HashMap<ServerId, T, BuildHasherDefault<AsItIs>>;

/// Takes what it is given for the hash.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, half: u64) {
        self.0 = self.0.rotate_left(32) ^ half;
    }
}

/// The dialog that an INVITE of a peer's opens, as far as an ACK must name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DialogName(u64, u64);

/// One of our transactions: a CANCEL shares the branch of its INVITE (RFC 3261 §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ClientKey {
    pub(super) id: ClientId,
    pub(super) cancel: bool,
}

/// Gives the names.
#[derive(Debug, Default)]
pub(super) struct Names {
    key: RandomState,
    last: u64,
    /// Branches that an earlier run gave: as many as it left requests unanswered.
    adopted: HashMap<String, ClientId>,
}

impl Names {
    /// A name that no request of ours had before.
    pub(super) fn next_client(&mut self) -> ClientId {
        self.last += 1;
        ClientId(self.last)
    }

    /// The branch of a request: its number, and proof that it is ours. Whoever has not seen the
    /// request cannot answer it.
    pub(super) fn branch(&self, id: ClientId) -> String {
        format!("{MAGIC}{:016x}{:016x}", id.0, self.key.hash_one(id))
    }

    /// The request that has this branch: one that we gave it, or one of an earlier run, whose answers are
    /// known from now on.
    pub(super) fn adopt(&mut self, branch: &str) -> ClientId {
        if let Some(id) = self.client(branch) {
            return id;
        }
        let id = self.next_client();
        self.adopted.insert(branch.to_owned(), id);
        id
    }

    /// The request of ours that an answer's branch names.
    pub(super) fn client(&self, branch: &str) -> Option<ClientId> {
        self.minted(branch).or_else(|| self.adopted.get(branch).copied())
    }

    fn minted(&self, branch: &str) -> Option<ClientId> {
        let (number, proof) = branch.strip_prefix(MAGIC)?.split_at_checked(16)?;
        let id = ClientId(u64::from_str_radix(number, 16).ok()?);
        (u64::from_str_radix(proof, 16).ok()? == self.key.hash_one(id)).then_some(id)
    }

    /// Which request this is (§17.2.3). ACK and CANCEL have the name of their INVITE.
    ///
    /// Branch, sent-by and method are not enough: Happytime sends one branch with different CSeq,
    /// and cameras fresh from the factory agree on branch, Call-ID and private address. So CSeq,
    /// Call-ID and the host that the packet came from count too. Without the magic cookie it is
    /// the Request-URI and the caller's tag as well, as in RFC 2543; not the To tag, which an ACK
    /// has and its INVITE has not.
    pub(super) fn server(&self, request: &Request, source: IpAddr) -> ServerId {
        let headers = &request.headers;
        let via = headers.via();
        let branch = via.and_then(|via| via.branch()).unwrap_or_default();
        let method = match &request.method {
            Method::Ack | Method::Cancel => &Method::Invite,
            other => other,
        };
        let mut hasher = self.key.build_hasher();
        (branch, via.map(|via| (via.host, via.port)), method.as_str()).hash(&mut hasher);
        (headers.call_id(), headers.cseq().map(|cseq| cseq.number), source).hash(&mut hasher);
        if !branch.starts_with(MAGIC) {
            (&request.uri, headers.from_tag()).hash(&mut hasher);
        }
        let (high, low) = finish(hasher);
        ServerId(high, low)
    }

    /// Which dialog an INVITE or its ACK belongs to: the ACK to a 2xx is a transaction of its own
    /// (§13.2.2.4). Our tag is left out, since devices leave it out.
    pub(super) fn dialog(&self, request: &Request) -> DialogName {
        let headers = &request.headers;
        let mut hasher = self.key.build_hasher();
        (headers.call_id(), headers.from_tag(), headers.cseq().map(|cseq| cseq.number)).hash(&mut hasher);
        let (high, low) = finish(hasher);
        DialogName(high, low)
    }
}

impl ClientKey {
    /// Not above any other.
    pub(super) const MIN: Self = Self { id: ClientId(0), cancel: false };
    /// Not below any other.
    pub(super) const MAX: Self = Self { id: ClientId(u64::MAX), cancel: true };
}

impl From<ClientId> for ClientKey {
    fn from(id: ClientId) -> Self {
        Self { id, cancel: false }
    }
}

/// 128 bits of a hasher that says 64 at a time.
fn finish(mut hasher: impl Hasher) -> (u64, u64) {
    let high = hasher.finish();
    hasher.write_u8(1);
    (high, hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn register(branch: &str, cseq: &str, call_id: &str) -> Request {
        Request::new(Method::Register, "sip:34020000002000000001@3402000000")
            .with("Via", format!("SIP/2.0/UDP 192.168.1.64:5060;rport;branch={branch}"))
            .with("From", "<sip:34020000001320000001@3402000000>;tag=1")
            .with("To", "<sip:34020000001320000001@3402000000>")
            .with("Call-ID", call_id)
            .with("CSeq", cseq)
    }

    #[test]
    fn one_branch_with_two_cseq_is_two_requests() {
        let names = Names::default();
        let first = names.server(&register("z9hG4bK6f04c", "1 REGISTER", "a"), SOURCE);
        assert_eq!(first, names.server(&register("z9hG4bK6f04c", "1 REGISTER", "a"), SOURCE));
        assert_ne!(first, names.server(&register("z9hG4bK6f04c", "2 REGISTER", "a"), SOURCE));
        assert_ne!(first, names.server(&register("z9hG4bK6f04c", "1 REGISTER", "b"), SOURCE));
        assert_ne!(first, names.server(&register("z9hG4bK6f04c", "1 REGISTER", "a"), [192, 0, 2, 2].into()));
    }

    #[test]
    fn without_the_cookie_the_request_uri_counts() {
        let names = Names::default();
        let here = register("1", "1 REGISTER", "a");
        let there = Request { uri: "sip:elsewhere".to_owned(), ..here.clone() };
        assert_ne!(names.server(&here, SOURCE), names.server(&there, SOURCE));
        assert_eq!(names.server(&here, SOURCE), names.server(&here.clone(), SOURCE));
    }

    #[test]
    fn an_ack_and_a_cancel_have_the_name_of_their_invite() {
        let names = Names::default();
        let named = |method| {
            let request = Request { method, ..register("z9hG4bK1", "1 INVITE", "a") };
            names.server(&request, SOURCE)
        };
        assert_eq!(named(Method::Invite), named(Method::Ack));
        assert_eq!(named(Method::Invite), named(Method::Cancel));
        assert_ne!(named(Method::Invite), named(Method::Bye));
    }

    #[test]
    fn only_our_own_branch_names_a_request_of_ours() {
        let mut names = Names::default();
        let id = names.next_client();
        let branch = names.branch(id);
        assert_eq!(names.client(&branch), Some(id));
        assert_eq!(Names::default().client(&branch), None);
        let forged = branch.replacen("01", "02", 1);
        assert_eq!([&forged, "z9hG4bK", "z9hG4bKé", ""].map(|branch| names.client(branch)), [None; 4]);
    }

    #[test]
    fn a_branch_of_an_earlier_run_is_ours_once_it_is_adopted() {
        let mut earlier = Names::default();
        let id = earlier.next_client();
        let branch = earlier.branch(id);
        let mut names = Names::default();
        let other = names.next_client();
        assert_eq!(names.client(&branch), None);
        let adopted = names.adopt(&branch);
        assert_eq!((names.client(&branch), names.adopt(&branch)), (Some(adopted), adopted));
        assert_ne!(adopted, other);
        assert_eq!(names.adopt(&names.branch(other)), other, "one of this run stays what it is");
    }
}
