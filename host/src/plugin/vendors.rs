//! Vendor modules: all of them are asked about a device, and what they answer is held against the contract.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{
    Plugins,
    error::Role,
    module::Module,
    set::{Member, PluginSet},
    vendor::{Profile, Recognition},
};

/// The vendor modules in force.
pub struct Vendors {
    /// Another number whenever another module, or another version of one, is in force.
    pub edition: u64,
    /// By name.
    pub modules: Vec<Module>,
}

impl Plugins {
    /// The vendor modules in force.
    pub fn vendors(&self) -> Vendors {
        let set = self.set.load();
        let modules = modules(&set.members).map(|(name, member)| module(&set, name, member)).collect();
        Vendors { edition: set.vendor_edition, modules }
    }

    /// Which vendor modules are in force: see [`Vendors::edition`].
    pub fn vendor_edition(&self) -> u64 {
        self.set.load().vendor_edition
    }

    /// A vendor module in force.
    pub fn vendor(&self, name: &str) -> Option<Module> {
        let set = self.set.load();
        let member = set.members.get(name).filter(|member| is_vendor(member));
        member.map(|member| module(&set, name, member))
    }
}

fn module(set: &PluginSet, name: &str, member: &Member) -> Module {
    let shadow = set.shadows.at_work.get(name).cloned();
    Module { plugin: member.release.plugin.clone(), shadow }
}

/// The same number for the same content of the same modules.
pub(super) fn edition(members: &BTreeMap<String, Member>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, member) in modules(members) {
        (name, &member.release.content.sha256).hash(&mut hasher);
    }
    hasher.finish()
}

fn modules(members: &BTreeMap<String, Member>) -> impl Iterator<Item = (&String, &Member)> {
    members.iter().filter(|(_, member)| is_vendor(member))
}

fn is_vendor(member: &Member) -> bool {
    member.roles.contains(&Role::Vendor)
}

/// An answer of `vendor.claim`.
pub(super) fn recognition(found: Option<Recognition>) -> Result<Option<Recognition>, String> {
    let Some(Recognition { certainty, reason, profile }) = found else { return Ok(None) };
    if certainty > 100 {
        return Err(format!("a certainty of {certainty}"));
    }
    check(&profile)?;
    Ok(Some(Recognition { certainty, reason: super::answer::phrase(&reason), profile }))
}

/// Nothing in a profile may break the messages that it goes into, or keep anybody waiting for long.
fn check(profile: &Profile) -> Result<(), String> {
    let texts = [&profile.sdp_stream_attribute, &profile.sdp_format];
    let texts = texts.into_iter().flatten().chain([&profile.record_type]).chain(&profile.repair);
    let faults = [
        (profile.sdp_payloads.is_empty(), "no payload type"),
        (profile.sdp_payloads.len() > 16, "more than 16 payload types"),
        (profile.sdp_payloads.iter().any(|payload| *payload > 127), "a payload type above 127"),
        (profile.query_delay_ms > 60_000, "a query delay of more than a minute"),
        (profile.invite_timeout_secs > 180, "more than 180 seconds for INVITE"),
        (profile.repair.len() > 16, "more than 16 CmdTypes to repair"),
        (profile.attributes.len() > 16, "more than 16 attributes"),
        (texts.into_iter().any(|text| text.len() > 128 || text.contains(char::is_control)), "a bad text"),
    ];
    let fault = faults.into_iter().find_map(|(is, fault)| is.then_some(fault));
    fault.map_or(Ok(()), |fault| Err(format!("a profile with {fault}")))
}

/// An answer of `vendor.offer`, `vendor.answer` or `vendor.control`.
pub(super) fn text(text: String) -> Result<String, String> {
    if text.is_empty() { Err("an empty text".into()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::vendor::{Charset, Hooks, Owner, SsrcChange, Transport};

    fn claim(certainty: u8, change: impl FnOnce(&mut Profile)) -> Result<Option<Recognition>, String> {
        let mut profile = Profile {
            charset: Charset::Gb2312,
            transport: Transport::Configured,
            sdp_owner: Owner::Channel,
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
            repair: vec![],
            hooks: Hooks::empty(),
            attributes: vec![],
        };
        change(&mut profile);
        recognition(Some(Recognition { certainty, reason: "one\ntwo".into(), profile }))
    }

    #[test]
    fn a_claim_within_the_contract_is_taken_its_reason_as_one_line() {
        assert_eq!(recognition(None), Ok(None));
        let taken = claim(100, |_| {}).unwrap().unwrap();
        assert_eq!((taken.certainty, &*taken.reason), (100, "one two"));
    }

    #[test]
    fn a_profile_that_would_break_messages_is_the_modules_fault() {
        let fault = |change: fn(&mut Profile)| claim(1, change).unwrap_err();
        assert_eq!(claim(101, |_| {}), Err("a certainty of 101".into()));
        assert_eq!(fault(|profile| profile.sdp_payloads.clear()), "a profile with no payload type");
        assert_eq!(
            fault(|profile| profile.sdp_payloads = vec![128]),
            "a profile with a payload type above 127"
        );
        assert_eq!(
            fault(|profile| profile.sdp_format = Some("v\r\ny=1".into())),
            "a profile with a bad text"
        );
        assert_eq!(fault(|profile| profile.record_type = "<".repeat(129)), "a profile with a bad text");
        assert_eq!(
            fault(|profile| profile.query_delay_ms = 60_001),
            "a profile with a query delay of more than a minute"
        );
    }

    #[test]
    fn an_emptied_message_is_the_modules_fault() {
        assert_eq!(text("v=0".into()), Ok("v=0".into()));
        assert_eq!(text(String::new()), Err("an empty text".into()));
    }
}
