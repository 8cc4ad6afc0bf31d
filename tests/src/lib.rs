//! The test kit: a GB28181 device and a ZLMediaKit that exist only in memory and on loopback.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`device`] | simulated cameras and recorders: SIP over UDP or TCP, catalogs, real RTP, scripted misbehaviour |
//! | [`media`] | a simulated ZLMediaKit: its HTTP API, its hooks, its way with RTP, its delays |
//! | [`journal`] | what either saw, awaited with a deadline instead of a sleep |
//! | [`relay`] | a bad network between them: loses, doubles, delays, reorders |
//! | [`sip`], [`digest`], [`rtp`] | the wire formats, written apart from the gateway's |
//! | [`policy`] | a folder of components, to be changed while a gateway watches it |
//! | [`puppet`] | a vendor module that does as its configuration says |
//! | [`site`] | a gateway with a media server and a caller: in process, or as a process to be killed |
//! | [`used`] | what a process has used of the machine |
//!
//! The simulators use none of the gateway's code. Every socket is bound to port 0 of a
//! loopback address.
//!
//! ```no_run
//! use sluice_tests::device::{DeviceConfig, DeviceEvent};
//! use sluice_tests::media::{FakeZlm, Played, Protocol, ZlmConfig};
//!
//! # async fn example(platform: std::net::SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
//! // A media server that posts its hooks to the gateway, and a camera that registers with it.
//! let hooks = Some("http://127.0.0.1:8090/index/hook".to_owned());
//! let zlm = FakeZlm::start(ZlmConfig { hook_base: hooks, ..ZlmConfig::default() }).await?;
//! let camera = DeviceConfig::camera("34020000001320000001", "12345678", platform).start().await?;
//! assert_eq!(camera.register().await?.status, 200);
//!
//! // Somebody asks the gateway to play it.
//! let invited = camera.wait_for(|event| matches!(event, DeviceEvent::Invited { .. })).await?;
//! let registered = zlm.wait_hook("on_stream_changed", |body| body["schema"] == "rtmp").await?;
//! let stream = registered.body["stream"].as_str().unwrap_or_default();
//! if let Played::Refused { message } = zlm.play(stream, Protocol::Flv, "sign=wrong").await {
//!     println!("{invited:?}: {message}");
//! }
//! # Ok(())
//! # }
//! ```

pub mod device;
pub mod digest;
pub mod journal;
pub mod media;
pub mod policy;
pub mod puppet;
pub mod random;
pub mod relay;
pub mod rtp;
pub mod sip;
pub mod site;
pub mod used;
