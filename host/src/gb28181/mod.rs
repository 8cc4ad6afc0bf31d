//! GB/T 28181 codecs: the vocabulary that every floor above shares.
//!
//! Bytes become types that cannot be wrong, types become bytes; nothing here knows a socket or a clock.
//! What comes in is read as real devices send it, what goes out is as the standard has it.
//!
//! | module | what |
//! | --- | --- |
//! | [`charset`] | text of bodies: UTF-8 or GB18030 |
//! | [`id`] | device ids, SSRC, stream ids |
//! | [`manscdp`] | the XML of MESSAGE, SUBSCRIBE and NOTIFY |
//! | [`mansrtsp`] | playback control in INFO |
//! | [`ptz`] | the eight octets of PTZCmd |
//! | [`sdp`] | offers and answers, with `y=` and `f=` |
//! | [`subject`] | the Subject header of INVITE |
//! | [`time`] | dates without a zone |

pub mod charset;
pub mod id;
pub mod manscdp;
pub mod mansrtsp;
pub mod ptz;
pub mod sdp;
pub mod subject;
pub mod time;

pub use charset::Charset;
pub use id::{DeviceId, Ssrc, StreamId};
