//! Whom we do not answer at all: scanners that look for telephone exchanges to rob.
//!
//! They are known by the name they give themselves, or by what no camera does: they call and ask around before they
//! have registered, register as `100` or `admin`, and know no domain of ours. An answer, even a refusal, tells
//! them that there is something here. All of this holds for strangers only; who has registered is answered.

use super::{
    message::{Method, Request},
    uri::Uri,
};

/// What gets silence when a stranger sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strangers {
    /// Parts of a User-Agent, in lower case.
    pub user_agents: Vec<String>,
    /// Methods.
    pub methods: Vec<Method>,
    /// Whether a REGISTER for anything but an id of 20 digits does.
    pub odd_ids: bool,
    /// Hosts of the Request-URI that do not; empty: any host is as good as ours.
    pub domains: Vec<String>,
}

/// By what a request was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The domain that it asks for.
    Domain,
    /// The id that it would register.
    Id,
    /// Its method.
    Method,
    /// Its User-Agent.
    UserAgent,
}

impl Strangers {
    /// Why a stranger's request gets no answer; none where it gets one.
    pub fn mark(&self, request: &Request) -> Option<Mark> {
        if self.methods.contains(&request.method) {
            Some(Mark::Method)
        } else if self.is_scanner(request) {
            Some(Mark::UserAgent)
        } else if self.odd_ids && request.method == Method::Register && !names_device(request) {
            Some(Mark::Id)
        } else if !self.domains.is_empty() && !self.is_ours(request) {
            Some(Mark::Domain)
        } else {
            None
        }
    }

    fn is_scanner(&self, request: &Request) -> bool {
        let Some(name) = request.headers.user_agent() else { return false };
        let name = name.to_ascii_lowercase();
        self.user_agents.iter().any(|scanner| name.contains(scanner.as_str()))
    }

    fn is_ours(&self, request: &Request) -> bool {
        let host = Uri::parse(&request.uri).map(|uri| uri.host).unwrap_or_default();
        self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(host))
    }
}

/// Whether From names a device as the standard does, with 20 digits (GB/T 28181-2016 annex D).
fn names_device(request: &Request) -> bool {
    let user = request.headers.from_user().unwrap_or_default();
    user.len() == 20 && user.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strangers() -> Strangers {
        Strangers {
            user_agents: vec!["friendly-scanner".into(), "sipcli".into()],
            methods: vec![Method::Invite, Method::Options],
            odd_ids: true,
            domains: vec!["3402000000".into(), "192.0.2.1".into()],
        }
    }

    fn asked(method: Method, user: &str) -> Request {
        Request::new(method, "sip:34020000002000000001@3402000000")
            .with("From", format!("<sip:{user}@3402000000>;tag=1"))
    }

    const CAMERA: &str = "34020000001320000001";

    #[test]
    fn a_camera_is_answered() {
        let camera = asked(Method::Register, CAMERA).with("User-Agent", "IP Camera");
        assert_eq!(strangers().mark(&camera), None);
        let by_address = Request { uri: "sip:192.0.2.1:5060".into(), ..asked(Method::Message, "3402000000") };
        assert_eq!(strangers().mark(&by_address), None, "only a REGISTER must name the device");
    }

    #[test]
    fn each_mark_is_enough() {
        let named = |name: &str| asked(Method::Register, CAMERA).with("User-Agent", name);
        let elsewhere = Request { uri: "sip:203.0.113.9".into(), ..asked(Method::Register, CAMERA) };
        let cases = [
            (asked(Method::Options, CAMERA), Mark::Method),
            (asked(Method::Invite, CAMERA), Mark::Method),
            (named("Friendly-Scanner"), Mark::UserAgent),
            (named("sipcli/v1.8"), Mark::UserAgent),
            (asked(Method::Register, "100"), Mark::Id),
            (asked(Method::Register, "3402000000132000000x"), Mark::Id),
            (elsewhere, Mark::Domain),
        ];
        for (request, mark) in cases {
            assert_eq!(strangers().mark(&request), Some(mark), "{request:?}");
            assert_eq!(Strangers::default().mark(&request), None, "nothing is asked for");
        }
    }
}
