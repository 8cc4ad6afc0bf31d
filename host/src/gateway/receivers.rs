//! Who is told what: the URLs that the configuration has for each method, for all plugins or for one of them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::config::{Config, NotifyUrls};
use crate::store::NewEvent;

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    DevicesActive,
    RecordsStop,
    UsersActive,
    UsersRegister,
}

impl Kind {
    pub(super) const ALL: [Self; 4] =
        [Self::DevicesActive, Self::RecordsStop, Self::UsersActive, Self::UsersRegister];

    /// The method's name, as gosip spells it.
    fn method(self) -> &'static str {
        match self {
            Self::DevicesActive => "devices.active",
            Self::RecordsStop => "records.stop",
            Self::UsersActive => "users.active",
            Self::UsersRegister => "users.regiester",
        }
    }

    /// Whether a later event of this kind says the same anew.
    fn is_passing(self) -> bool {
        matches!(self, Self::DevicesActive | Self::UsersActive)
    }

    fn url(self, urls: &NotifyUrls) -> &str {
        match self {
            Self::DevicesActive => &urls.devices_active,
            Self::RecordsStop => &urls.records_stop,
            Self::UsersActive => &urls.users_active,
            Self::UsersRegister => &urls.users_register,
        }
    }

    /// That a device or channel is in some state at `time`.
    pub(super) fn activity(self, receivers: &[String], id: &str, status: &str, time: i64) -> Vec<NewEvent> {
        if receivers.is_empty() {
            return Vec::new();
        }
        self.events(receivers, time, &json!({ "deviceid": id, "status": status, "time": time }))
    }

    /// An event of this kind for each receiver, to be stored.
    pub(super) fn events(self, receivers: &[String], time: i64, data: &Value) -> Vec<NewEvent> {
        let event = |receiver: &String| NewEvent {
            receiver: receiver.clone(),
            method: self.method().to_owned(),
            time,
            data: data.to_string(),
            passing: self.is_passing(),
        };
        receivers.iter().map(event).collect()
    }
}

/// Where notifications go, by method.
#[derive(Debug)]
pub(super) struct Receivers {
    /// In the order of [`Kind::ALL`].
    routes: [Vec<Route>; 4],
    urls: [Arc<[String]>; 4],
    /// The plugins that have no URLs of their own.
    sharing: Vec<String>,
}

/// A receiver, and the plugins that tell it.
#[derive(Debug)]
struct Route {
    url: String,
    plugins: Vec<String>,
}

impl Receivers {
    pub(super) fn new(config: &Config) -> Self {
        let routes = Kind::ALL.map(|kind| routes(config, kind));
        let own = &config.notify.plugin;
        Self {
            urls: routes.each_ref().map(|routes| routes.iter().map(|route| route.url.clone()).collect()),
            routes,
            sharing: config
                .plugins
                .notify
                .iter()
                .filter(|plugin| !own.contains_key(*plugin))
                .cloned()
                .collect(),
        }
    }

    /// The URLs that events of this kind go to; none if nobody wants to know.
    pub(super) fn of(&self, kind: Kind) -> Arc<[String]> {
        self.urls[kind as usize].clone()
    }

    /// The plugins that tell `receiver` of `method`. Where the configuration does not know the receiver any more,
    /// what still waits for it is told by those that share their URLs.
    pub(super) fn tellers(&self, method: &str, receiver: &str) -> &[String] {
        let kind = Kind::ALL.into_iter().find(|kind| kind.method() == method);
        let mut routes = kind.into_iter().flat_map(|kind| &self.routes[kind as usize]);
        routes.find(|route| route.url == receiver).map_or(&self.sharing, |route| &route.plugins)
    }
}

fn routes(config: &Config, kind: Kind) -> Vec<Route> {
    let shared = config.notify.shared();
    let mut routes: Vec<Route> = Vec::new();
    for plugin in &config.plugins.notify {
        let url = kind.url(config.notify.plugin.get(plugin).unwrap_or(&shared));
        match routes.iter_mut().find(|route| route.url == url) {
            Some(route) => route.plugins.push(plugin.clone()),
            None if url.is_empty() => {}
            None => routes.push(Route { url: url.to_owned(), plugins: vec![plugin.clone()] }),
        }
    }
    routes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn receivers() -> Receivers {
        let text = r#"
            [notify]
            users_active = "http://all/active"
            records_stop = "http://all/stop"
            [notify.plugin.robot]
            users_active = "http://robot/"
            [plugins]
            notify = ["gosip-notify", "robot", "events"]
        "#;
        Receivers::new(&parse(text, []).unwrap())
    }

    #[test]
    fn a_plugin_with_urls_of_its_own_has_only_those() {
        let receivers = receivers();
        assert_eq!(*receivers.of(Kind::UsersActive), ["http://all/active", "http://robot/"]);
        assert_eq!(*receivers.of(Kind::RecordsStop), ["http://all/stop"]);
        assert_eq!(*receivers.of(Kind::UsersRegister), [""; 0]);
        assert_eq!(receivers.tellers("users.active", "http://robot/"), ["robot"]);
        assert_eq!(receivers.tellers("users.active", "http://all/active"), ["gosip-notify", "events"]);
    }

    #[test]
    fn what_waits_for_a_receiver_of_yesterday_is_told_all_the_same() {
        let receivers = receivers();
        assert_eq!(receivers.tellers("users.active", "http://gone/"), ["gosip-notify", "events"]);
        assert_eq!(receivers.tellers("records.stop", "http://robot/"), ["gosip-notify", "events"]);
    }
}
