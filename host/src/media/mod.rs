//! The door to ZLMediaKit.
//!
//! ```text
//! client   its HTTP API             hook    what it posts to us
//! answer   what the API says        reply   what we answer to that
//! folder   its recorded files
//! ```
//!
//! Built from recordings of a real one (`tests/data/zlm`), not from its manual.

mod answer;
mod client;
mod error;
mod folder;
mod hook;
mod reply;
#[cfg(test)]
mod tests;

pub use self::{
    answer::{Medium, OriginSock, RecordFiles, RtpInfo, RtpServer, Track, Version},
    client::{MediaServer, OpenRtp, TcpMode, Timeouts},
    error::{Error, Result},
    folder::{Disk, FolderError, Place, RecordFolder},
    hook::{
        Hook, OnHttpAccess, OnPlay, OnPublish, OnRecordMp4, OnRtpServerTimeout, OnSendRtpStopped,
        OnServerKeepalive, OnServerStarted, OnStreamChanged, OnStreamNoneReader, OnStreamNotFound, Session,
    },
    reply::{AccessReply, CloseReply, PublishOptions, Reply},
};

/// The group that ZLMediaKit puts streams in which it receives as RTP.
pub const APP: &str = "rtp";

/// Its virtual host where none is configured.
pub const VHOST: &str = "__defaultVhost__";
