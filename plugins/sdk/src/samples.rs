//! What a policy is asked, for its tests and its self-test. Stand-ins for secrets are
//! [`crate::Credential::stand_in`] and [`crate::Key::stand_in`].

use crate::{
    auth::{Digest, NonceState, Registration},
    cleanup::{Disk, Recording, Sweep},
    notify::Event,
    sign::{Request, Subject},
    vendor::Device,
};

/// A REGISTER without credentials.
pub fn registration() -> Registration {
    Registration {
        device: "37070000081118000001".into(),
        realm: "3707000008".into(),
        method: "REGISTER".into(),
        source: "192.0.2.7:5060".into(),
        transport: "UDP".into(),
        user_agent: None,
        digest: None,
        expires: 3600,
        attributes: Vec::new(),
    }
}

/// A REGISTER with credentials, of whose nonce the host knows this. Whether they are right is the stand-in's to say.
pub fn answered(nonce_state: NonceState) -> Registration {
    let digest = Digest {
        username: "37070000081118000001".into(),
        realm: "3707000008".into(),
        nonce: "n".into(),
        nonce_state,
        uri: "sip:37070000082008000001@3707000008".into(),
        response: "r".into(),
        algorithm: Some("MD5".into()),
        qop: None,
        nc: None,
        cnonce: None,
        opaque: None,
    };
    Registration { digest: Some(digest), ..registration() }
}

/// A call of the API without a sign.
pub fn call() -> Request {
    Request {
        subject: Subject::Api,
        method: "GET".into(),
        path: "/users".into(),
        query: Vec::new(),
        source: "192.0.2.7".into(),
        stream: None,
        attributes: Vec::new(),
    }
}

/// A device that has come online.
pub fn event() -> Event {
    Event {
        id: "1".into(),
        method: "users.active".into(),
        time: 1_618_043_462,
        data: r#"{"deviceid":"37070000081118000001","status":"ON"}"#.into(),
        url: "http://192.0.2.9/notify".into(),
        attributes: Vec::new(),
    }
}

/// The only page of a sweep at `now`, over half a disk of a terabyte.
pub fn sweep(now: u64, recordings: Vec<Recording>) -> Sweep {
    let disk = Disk { total: 1 << 40, free: 1 << 39 };
    Sweep { now, disk, recordings, more: false, attributes: Vec::new() }
}

/// An hour of recording, a gigabyte, that ended at `end`.
pub fn recording(id: &str, end: u64) -> Recording {
    Recording {
        id: id.into(),
        stream: "29B92700".into(),
        channel: "37070000081318000001".into(),
        path: format!("record/rtp/29B92700/{id}.mp4"),
        size: 1 << 30,
        start: end.saturating_sub(3600),
        end,
        attributes: Vec::new(),
    }
}

/// A device that has not said much of itself.
pub fn device() -> Device {
    Device {
        id: "37070000081118000001".into(),
        user_agent: Some("IP Camera".into()),
        manufacturer: None,
        model: None,
        firmware: None,
        version: None,
        attributes: Vec::new(),
    }
}
