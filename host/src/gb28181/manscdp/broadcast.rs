//! Broadcast: voice for a device (GB/T 28181-2016 §9.12).

use super::{Error, tree::Element};
use crate::gb28181::DeviceId;

/// The wish to speak to a device. It answers, then sends an INVITE for audio to the source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Broadcast {
    /// Who speaks: the platform, or a voice source.
    pub source: DeviceId,
    /// The channel that is to be heard from.
    pub target: DeviceId,
}

impl Broadcast {
    pub(super) fn of(element: &Element<'_>) -> Result<Self, Error> {
        let source = element.id("SourceID").ok_or(Error::Missing("SourceID"))?;
        let target = element.id("TargetID").ok_or(Error::Missing("TargetID"))?;
        Ok(Self { source, target })
    }
}
