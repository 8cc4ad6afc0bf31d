//! MANSCDP: the XML in the bodies of MESSAGE, SUBSCRIBE, NOTIFY and their answers (GB/T 28181-2016 annex A).
//!
//! Reading goes in four steps. Bytes become text by their content ([`charset`](super::charset)); `mend` makes
//! broken markup readable; `reader` and `tree` build a tree of elements that forgives lost and doubled tags;
//! the file of each noun takes its type out of the tree. Only the last step knows what elements mean, and
//! there the rules are: what the type cannot do without is an error that names the element; anything else
//! unreadable is none; a bad item is counted and costs nobody else.
//!
//! Writing is [`Request`]: text, or bytes in the device's charset.

mod alarm;
mod broadcast;
mod catalog;
mod config;
mod device_info;
mod device_status;
mod document;
mod fields;
mod keepalive;
mod media_status;
mod mend;
mod mobile_position;
mod preset;
mod reader;
mod record_info;
mod request;
mod tree;

pub use alarm::Alarm;
pub use broadcast::Broadcast;
pub use catalog::{Catalog, Event, Item, Status};
pub use config::{BasicParam, Config};
pub use device_info::DeviceInfo;
pub use device_status::{AlarmInput, DeviceStatus, Duty};
pub use document::{Body, CmdType, Document, Outcome, Root, cmd_type, device_id, parse, parse_all, repair};
pub use fields::Fields;
pub use keepalive::Keepalive;
pub use media_status::MediaStatus;
pub use mobile_position::{MobilePosition, Position};
pub use preset::{Preset, Presets};
pub use record_info::{Record, RecordInfo};
pub use request::{ConfigType, RecordQuery, Request};

/// Why a body is no MANSCDP document.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// It declares a document type. No device does, and entities are never expanded.
    #[error("the body declares a document type")]
    Doctype,
    /// An element holds what its type cannot be made of.
    #[error("{field} cannot be {value:?}")]
    Field {
        /// The element's name.
        field: &'static str,
        /// What stands in it, cut to 64 characters.
        value: String,
    },
    /// An element is not there that its type cannot do without.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// There is no element in it.
    #[error("the body is not XML")]
    NotXml,
    /// Its root is none of the standard's four.
    #[error("the root element cannot be {0:?}")]
    Root(String),
    /// It is larger, or has more elements, than any device's.
    #[error("the body is too large")]
    TooLarge,
}

impl Error {
    fn field(field: &'static str, value: &str) -> Self {
        Self::Field { field, value: value.chars().take(64).collect() }
    }
}
