//! Which module knows a device. All are asked, the surest gets it, the first by name among equals; the answer is
//! kept until something changes on which it rests: what the device says of itself, how it behaves, an order, or
//! the modules.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::gb28181::DeviceId;
use crate::plugin::vendor::{self, Profile, Recognition};
use crate::plugin::{self, Module, Vendors};
use crate::store::User;

use super::super::Gateway;
use super::dialect::Dialect;
use super::known::{self, Observed};
use super::order::{Order, STANDARD};

/// After this all are asked again where one could not say.
const RETRY: Duration = Duration::from_secs(30);

/// How a device is spoken to, kept with it.
#[derive(Debug)]
pub(in crate::gateway) struct Held {
    dialect: Dialect,
    /// How the device had behaved by then.
    observed: Observed,
    /// What was known of the device, as a number.
    facts: u64,
    /// The modules that were asked.
    edition: u64,
    /// There where a module could not say.
    retry: Option<Instant>,
}

/// What all modules said of a device, and what follows.
pub(super) struct Decision {
    pub(super) order: Option<Order>,
    /// By name.
    pub(super) said: Vec<Said>,
    edition: u64,
}

/// A module's word.
pub(super) struct Said {
    pub(super) module: String,
    pub(super) claim: Result<Option<Recognition>, plugin::Error>,
}

impl Gateway {
    /// How to speak to `device`. The modules are asked where something changed since they last were.
    pub(in crate::gateway) async fn dialect(&self, device: &DeviceId) -> Dialect {
        match self.0.registry.vendor(device) {
            Some(held) if self.holds(&held) => held.dialect.clone(),
            // Rare: kept apart, so that it takes no room in every request.
            held => Box::pin(self.new_dialect(device, held)).await,
        }
    }

    /// Has the modules decide on `device`, of which `held` was decided before.
    async fn new_dialect(&self, device: &DeviceId, held: Option<Arc<Held>>) -> Dialect {
        match self.0.store.user(device.as_str()).await {
            Ok(Some(row)) => {
                let now = self.hold(device, &row);
                let dialect = now.dialect.clone();
                self.0.registry.replace_vendor(device, held.as_ref(), now);
                dialect
            }
            Ok(None) => self.0.manners.standard(),
            Err(error) => {
                tracing::warn!(device.id = %device, %error, "its module is not known for now");
                held.map_or_else(|| self.0.manners.standard(), |held| held.dialect.clone())
            }
        }
    }

    /// Takes up what a device has just told of itself, as it now stands in its row.
    pub(in crate::gateway) fn recognise(&self, device: &DeviceId, row: &User) {
        let facts = known::fingerprint(row, self.0.registry.observed(device));
        let before = self.0.registry.vendor(device);
        if before.as_ref().is_none_or(|held| held.facts != facts || !self.holds(held)) {
            self.0.registry.set_vendor(device, self.hold(device, row));
        }
    }

    /// Notes how a device behaves. What was decided before is asked again when it is next needed.
    pub(in crate::gateway) fn observe(&self, device: &DeviceId, way: Observed) {
        self.0.registry.observe(device, way);
    }

    /// What all modules say of a device now.
    pub(super) fn decide(&self, row: &User, observed: Observed) -> Decision {
        let order = Order::of(row, &self.0.config.vendor);
        let device = known::device(row, observed);
        let Vendors { edition, modules } = self.0.plugins.vendors();
        let said = modules.iter().map(|module| Said::ask(module, &device, order.as_ref())).collect();
        Decision { order, said, edition }
    }

    /// Asks all modules, and makes of what they say what is kept.
    fn hold(&self, device: &DeviceId, row: &User) -> Arc<Held> {
        let observed = self.0.registry.observed(device);
        let facts = known::fingerprint(row, observed);
        let decision = self.decide(row, observed);
        let known = known::device(row, observed);
        let dialect = match decision.taken() {
            Some((module, profile)) => self.0.manners.dialect(module, profile, known),
            None => self.0.manners.standard(),
        };
        if let Some(Said { module, claim: Ok(Some(found)) }) = decision.winner() {
            let Recognition { certainty, reason, .. } = found;
            tracing::debug!(device.id = %device, plugin = module, certainty, reason, "device recognised");
        }
        let unsure = decision.said.iter().any(|said| said.claim.is_err());
        let retry = unsure.then(|| Instant::now() + RETRY);
        Arc::new(Held { dialect, observed, facts, edition: decision.edition, retry })
    }

    fn holds(&self, held: &Held) -> bool {
        held.edition == self.0.plugins.vendor_edition()
            && held.retry.is_none_or(|retry| Instant::now() < retry)
    }
}

impl Held {
    /// How the device is spoken to.
    pub(in crate::gateway) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// How the device had behaved when this was decided.
    pub(in crate::gateway) fn observed(&self) -> Observed {
        self.observed
    }
}

impl Decision {
    /// Who gets the device, also where it does not want it: the module that an operator chose, else the surest.
    pub(super) fn winner(&self) -> Option<&Said> {
        if self.is_ordered() {
            let order = self.order.as_ref()?;
            return self.said.iter().find(|said| said.module == order.module);
        }
        let certainty = |said: &Said| match &said.claim {
            Ok(Some(found)) => Some(found.certainty),
            Ok(None) | Err(_) => None,
        };
        let sure = self.said.iter().filter(|said| certainty(said).is_some());
        sure.reduce(|best, next| if certainty(next) > certainty(best) { next } else { best })
    }

    /// Whether there is an order that can be followed: the module that it names is in force.
    pub(super) fn is_ordered(&self) -> bool {
        self.order.as_ref().is_some_and(|order| {
            order.module == STANDARD || self.said.iter().any(|said| said.module == order.module)
        })
    }

    /// The winner and its profile; none where the standard is the profile.
    pub(super) fn taken(&self) -> Option<(&str, &Profile)> {
        let Said { module, claim } = self.winner()?;
        let found = claim.as_ref().ok()?.as_ref()?;
        Some((module, &found.profile))
    }
}

impl Said {
    fn ask(module: &Module, device: &vendor::Device, order: Option<&Order>) -> Self {
        let chosen = order.is_some_and(|order| order.module == module.name());
        let claim = if chosen {
            let mut device = device.clone();
            device.attributes.push(known::attribute("chosen", "true"));
            module.claim(&device)
        } else {
            module.claim(device)
        };
        Self { module: module.name().to_owned(), claim }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::standard;
    use super::super::order::By;
    use super::*;

    fn said(module: &str, certainty: Option<u8>) -> Said {
        let found = |certainty| Recognition { certainty, reason: "r".to_owned(), profile: standard() };
        Said { module: module.to_owned(), claim: Ok(certainty.map(found)) }
    }

    fn decision(order: Option<&str>, said: Vec<Said>) -> Decision {
        let order = order.map(|module| Order { module: module.to_owned(), by: By::Api });
        Decision { order, said, edition: 0 }
    }

    fn winner(decision: &Decision) -> Option<&str> {
        decision.winner().map(|said| &*said.module)
    }

    #[test]
    fn the_surest_wins_and_equals_go_by_name() {
        let three = || vec![said("a", Some(50)), said("b", Some(90)), said("c", Some(90))];
        assert_eq!(winner(&decision(None, three())), Some("b"));
        assert_eq!(winner(&decision(None, vec![said("a", None), said("b", Some(0))])), Some("b"));
        assert_eq!(winner(&decision(None, vec![said("a", None)])), None);
        assert_eq!(winner(&decision(None, vec![])), None);
    }

    #[test]
    fn an_order_comes_first_where_it_can_be_followed() {
        let both = || vec![said("a", None), said("b", Some(100))];
        let ordered = decision(Some("a"), both());
        assert_eq!((winner(&ordered), ordered.taken().is_none()), (Some("a"), true));
        assert_eq!(winner(&decision(Some(STANDARD), both())), None);
        let unknown = decision(Some("c"), both());
        assert_eq!((winner(&unknown), unknown.is_ordered()), (Some("b"), false));
    }
}
