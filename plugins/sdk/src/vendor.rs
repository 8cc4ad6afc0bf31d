//! What one maker's devices do differently: the records, and the profile of a device that keeps to the standard.

pub use crate::bindings::vendor::exports::sluice::policy::vendor::{
    Charset, Device, Hooks, Item, Owner, Profile, Recognition, SsrcChange, Transport,
};

/// A device that keeps to the standard, to be changed where one does not.
impl Default for Profile {
    fn default() -> Self {
        Self {
            charset: Charset::Gb18030,
            transport: Transport::Configured,
            sdp_owner: Owner::Device,
            sdp_payloads: vec![96],
            sdp_stream_attribute: None,
            sdp_format: None,
            invite_target: Owner::Channel,
            config_target: Owner::Device,
            record_type: "all".into(),
            ssrc_change: SsrcChange::Follow,
            query_delay_ms: 0,
            invite_timeout_secs: 0,
            date: true,
            repair: Vec::new(),
            hooks: Hooks::empty(),
            attributes: Vec::new(),
        }
    }
}
