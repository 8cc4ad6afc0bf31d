//! What one maker's devices do differently: the records, and the profile of a device that keeps to the standard.

pub use crate::bindings::vendor::exports::sluice::policy::vendor::{
    Charset, Device, Hooks, Item, Owner, Profile, Recognition, SsrcChange, Transport,
};

/// How the gateway speaks to a device that no module knows, to be changed where one wants otherwise.
impl Default for Profile {
    fn default() -> Self {
        Self {
            charset: Charset::Gb2312,
            transport: Transport::Configured,
            sdp_owner: Owner::Channel,
            sdp_payloads: vec![96, 97, 98, 99],
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
