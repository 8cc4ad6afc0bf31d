//! MediaStatus: what became of a recorded stream (GB/T 28181-2016 §9.8).

use super::{Error, tree::Element};

/// News of a recorded stream. Only the Call-ID of the message says which: Hikvision names the channel in From
/// and DeviceID (wvp-GB28181-pro #493).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MediaStatus {
    /// The standard knows 121: the file has been sent.
    pub notify_type: u32,
}

impl MediaStatus {
    pub(super) fn of(element: &Element<'_>) -> Result<Self, Error> {
        let text = element.text("NotifyType").ok_or(Error::Missing("NotifyType"))?;
        let notify_type = text.parse().map_err(|_| Error::field("NotifyType", text))?;
        Ok(Self { notify_type })
    }

    /// Whether all of the recording has been sent.
    pub fn is_end(self) -> bool {
        self.notify_type == 121
    }
}
