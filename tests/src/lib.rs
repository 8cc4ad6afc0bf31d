//! The test kit: a GB28181 device and a ZLMediaKit that exist only in memory and on loopback.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`device`] | simulated cameras and recorders: SIP over UDP or TCP, catalogs, real RTP, scripted misbehaviour |
//! | [`media`] | a simulated ZLMediaKit: its HTTP API, its hooks, its way with RTP, its delays |
//! | [`journal`] | what either saw, awaited with a deadline instead of a sleep |
//! | [`sip`], [`digest`], [`rtp`] | the wire formats, written apart from the gateway's |
//! | [`site`] | a gateway with a media server and a caller: in process, or as a process to be killed |
//!
//! The simulators use none of the gateway's code. Every socket is bound to port 0 of 127.0.0.1.

pub mod device;
pub mod digest;
pub mod journal;
pub mod media;
mod random;
pub mod rtp;
pub mod sip;
pub mod site;
