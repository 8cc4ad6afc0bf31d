//! What the header fields of a message say, read where they stand.

use std::str::FromStr;

use memchr::memchr2;

use super::{
    digest::Credentials,
    header_name::Name,
    headers::Headers,
    message::Method,
    text::{split, trim},
    uri::Address,
    via::Via,
};

/// Place of a request within its dialog or registration (RFC 3261 §20.16).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cseq {
    /// Rises with each new request of one Call-ID.
    pub number: u32,
    /// The method that the number counts: that of the request, or of the request answered.
    pub method: Method,
}

impl FromStr for Cseq {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = trim(text);
        let (number, method) = text.split_at(memchr2(b' ', b'\t', text.as_bytes()).ok_or(())?);
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| digits).ok_or(())?;
        let Ok(method) = trim(method).parse();
        Ok(Self { number, method })
    }
}

/// Typed readings of the fields that the gateway lives by. Each is `None` where the field is
/// missing or cannot be read; nothing here is cached.
impl Headers {
    /// Call-ID, as it was sent.
    pub fn call_id(&self) -> Option<&str> {
        self.first(Name::CALL_ID).filter(|id| !id.is_empty())
    }

    /// CSeq; `None` also where the number exceeds 32 bits.
    pub fn cseq(&self) -> Option<Cseq> {
        self.first(Name::CSEQ)?.parse().ok()
    }

    /// From.
    pub fn from(&self) -> Option<Address<'_>> {
        Address::parse(self.first(Name::FROM)?)
    }

    /// To.
    pub fn to(&self) -> Option<Address<'_>> {
        Address::parse(self.first(Name::TO)?)
    }

    /// User part of From: who sends, in GB28181 an id.
    pub fn from_user(&self) -> Option<&str> {
        self.from()?.user()
    }

    /// User part of To: on REGISTER the id that registers.
    pub fn to_user(&self) -> Option<&str> {
        self.to()?.user()
    }

    /// The caller's end of the dialog.
    pub fn from_tag(&self) -> Option<&str> {
        self.from()?.tag()
    }

    /// The callee's end of the dialog; none in a request that opens one.
    pub fn to_tag(&self) -> Option<&str> {
        self.to()?.tag()
    }

    /// The topmost Via.
    pub fn via(&self) -> Option<Via<'_>> {
        Via::parse(self.listed(Name::VIA).next()?)
    }

    /// The topmost Via's branch, which names the transaction.
    pub fn via_branch(&self) -> Option<&str> {
        self.via()?.branch()
    }

    /// How the sender calls itself: its maker and often its firmware.
    pub fn user_agent(&self) -> Option<&str> {
        self.first(Name::USER_AGENT)
    }

    /// The first Contact's URI. Where a device says it can be reached; we never send there.
    pub fn contact_uri(&self) -> Option<&str> {
        Some(self.contact()?.uri)
    }

    /// Seconds that a binding or subscription is to last: Expires, else the first Contact's
    /// `expires`. More than 32 bits count as the greatest number; no number at all as absent.
    pub fn expires(&self) -> Option<u32> {
        let header = self.first(Name::EXPIRES).and_then(seconds);
        header.or_else(|| self.contact().and_then(|contact| seconds(contact.parameter("expires")?)))
    }

    /// Media type of the body with its parameters.
    pub fn content_type(&self) -> Option<&str> {
        self.first(Name::CONTENT_TYPE)
    }

    /// Hops that are left; `None` also beyond 255 (RFC 3261 §20.22).
    pub fn max_forwards(&self) -> Option<u8> {
        self.first(Name::MAX_FORWARDS)?.parse().ok()
    }

    /// The first Digest credentials. A scheme that we do not know counts as absent (RFC 4475 §3.3.7).
    pub fn authorization(&self) -> Option<Credentials> {
        self.all("Authorization").find_map(Credentials::parse)
    }

    /// The elements of every line under `name`, comma-separated lists taken apart.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.listed(Name::of(name))
    }

    /// As [`Headers::values`], where the name need not be looked up.
    pub(super) fn listed<'a>(&'a self, name: Name<&'a str>) -> impl Iterator<Item = &'a str> {
        self.each(name).flat_map(|line| split(line, b','))
    }

    fn contact(&self) -> Option<Address<'_>> {
        Address::parse(self.listed(Name::CONTACT).next()?)
    }
}

fn seconds(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}
