//! Identifiers: devices and channels, SSRCs, and the stream ids made from them.

mod device;
mod ssrc;

pub use device::DeviceId;
pub use ssrc::{Ssrc, StreamId, StreamKind};

/// Why a text is not an identifier.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// A device id holds a blank or a control character.
    #[error("a device id holds the character {0:?}")]
    Character(char),
    /// There is no text, or only blanks.
    #[error("an identifier is empty")]
    Empty,
    /// A device id is longer than [`DeviceId::MAX_BYTES`].
    #[error("a device id of {0} bytes")]
    Length(usize),
    /// An SSRC is not a decimal number of 32 bits.
    #[error("not an SSRC: {0:?}")]
    Ssrc(String),
    /// A stream id is not eight hexadecimal digits.
    #[error("not a stream id: {0:?}")]
    StreamId(String),
}
