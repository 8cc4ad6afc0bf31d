//! The door to policy: sandboxed WebAssembly components.
//!
//! [`Plugins`] asks them. Its arguments and answers are the records of `wit/` themselves. A call is synchronous
//! and takes about a microsecond, so it is made in line, on the worker that needs the answer.
//!
//! | file | job |
//! | --- | --- |
//! | `bindings` | the contract in Rust |
//! | `files`, `peek`, `load`, `cache` | from a file to a plugin |
//! | `hire`, `set` | from the folder to plugins in force |
//! | `watch`, `renew`, `promote`, `swap` | what changes in the folder |
//! | `shadow` | candidates beside what is in force |
//! | `instance`, `exports` | a plugin, its warm instances and their functions |
//! | `host`, `secret`, `wasi` | what guests may call |
//! | `engine`, `limits` | the sandbox: time and memory |
//! | `memory` | what plugins store |
//! | `account`, `health`, `figures`, `status` | what is kept of a plugin beside its instances, and shown |
//! | `answer` | answers held against the contract |
//! | `ask` | a method for each function of the contract |
//! | `vendors`, `module` | the vendor modules, all of which are asked, and what each is asked |
//! | `trial` | one component by itself, for the command line |

mod account;
mod answer;
mod ask;
mod bindings;
mod cache;
mod engine;
mod error;
mod exports;
mod figures;
mod files;
mod health;
mod hire;
mod host;
mod instance;
mod limits;
mod load;
mod memory;
mod module;
mod peek;
mod promote;
mod renew;
mod secret;
mod set;
mod shadow;
mod status;
mod swap;
mod trial;
mod vendors;
mod wasi;
mod watch;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
};

use arc_swap::ArcSwap;

pub use bindings::{
    exports::sluice::policy::{auth, cleanup, lifecycle, notify, sign, vendor},
    sluice::policy::{
        host::{Algorithm, DigestInput, QopInput},
        types,
    },
};
pub use error::{Error, Fault, LoadError, Role};
pub use figures::Figures;
pub use instance::Plugin;
pub use limits::Limits;
pub(crate) use limits::thread_cpu;
pub use memory::{Changes, ValueError, Values};
pub use module::Module;
pub use promote::{MoveError, demote, promote};
pub use secret::{Credential, Secret};
pub use set::Settings;
pub use status::{Candidate, Difference, Mishap, Refused, State, Status, Version};
pub use swap::SwapError;
pub use trial::{Inspection, ResetError, Trial, inspect};
pub use vendors::Vendors;
pub use watch::Watch;

use hire::Office;
use memory::{Memories, Memory};
use set::PluginSet;
use shadow::Case;

/// The plugins in force. A cheap handle; all clones are the same plugins.
#[derive(Clone)]
pub struct Plugins {
    /// Replaced as a whole; a call goes on with the set that it began with.
    set: Arc<ArcSwap<PluginSet>>,
    /// Held while another set is made, which takes as long as compiling does. No call waits for it.
    office: Arc<Mutex<Office>>,
    /// Where the components are.
    folder: Arc<Path>,
    /// Keys of the plugins that have their own.
    keys: Arc<HashMap<String, Secret>>,
    memories: Memories,
}

/// How one plugin tells an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatted {
    /// The plugin, which also judges the receiver's answers: see [`Plugins::accepted`].
    pub plugin: String,
    /// To be sent one after the other; may be empty.
    pub requests: Vec<notify::HttpRequest>,
}

impl Plugins {
    /// Loads what `settings` name.
    ///
    /// Errors: a plugin is missing or cannot be used; the text says which and what to do.
    pub fn load(settings: &Settings) -> Result<Self, LoadError> {
        let memories = Memories::default();
        let office = Office::new(settings, memories.clone())?;
        let set = office.hire(None)?.set;
        Ok(Self {
            memories,
            set: Arc::new(ArcSwap::from_pointee(set)),
            office: Arc::new(Mutex::new(office)),
            folder: settings.folder.as_path().into(),
            keys: Arc::new(settings.keys.clone()),
        })
    }

    /// Decides on a REGISTER. `credential` is none for a device that nobody issued.
    ///
    /// Errors: there is no decision. The device is to be answered 503.
    pub fn register(
        &self,
        request: &auth::Registration,
        credential: Option<Credential>,
    ) -> Result<auth::Verdict, Error> {
        let set = self.set.load();
        let said = set.auth.register(request, credential.clone());
        set.compare(&set.auth, || Case::register(request, credential, &said));
        said
    }

    /// Decides on an API call, a playback or a publish; `key` is for a plugin that has none of its own.
    ///
    /// Errors: there is no decision. The caller is to be answered 503, a viewer to be refused.
    pub fn check_sign(&self, request: &sign::Request, key: &Secret) -> Result<sign::Verdict, Error> {
        let set = self.set.load();
        let key = self.key(&set.sign.name, key);
        let said = set.sign.check_sign(request, key);
        set.compare(&set.sign, || Case::check(request, key, &said));
        said
    }

    /// How `plugins` tell an event, in the order they are configured in; `key` is for those that have
    /// none of their own.
    ///
    /// Errors: one of them cannot tell it now. The event is to be kept and tried again.
    pub fn format(
        &self,
        plugins: &[String],
        event: &notify::Event,
        key: &Secret,
    ) -> Result<Vec<Formatted>, Error> {
        let set = self.set.load();
        let format = |plugin: &Arc<Plugin>| {
            let key = self.key(&plugin.name, key);
            let said = plugin.format(event, key);
            set.compare(plugin, || Case::format(event, key, &said));
            Ok(Formatted { plugin: plugin.name.clone(), requests: said? })
        };
        set.notify.iter().filter(|plugin| plugins.contains(&plugin.name)).map(format).collect()
    }

    /// Whether `plugin` finds that the receiver took `event`. A plugin that is not in force any more cannot
    /// object.
    ///
    /// Errors: it cannot say; that counts as no.
    pub fn accepted(
        &self,
        plugin: &str,
        event: &notify::Event,
        answer: &notify::Answer,
    ) -> Result<bool, Error> {
        let set = self.set.load();
        let Some(plugin) = set.notify.iter().find(|candidate| candidate.name == plugin) else {
            return Ok(true);
        };
        let said = plugin.accepted(event, answer);
        set.compare(plugin, || Case::accepted(event, answer, &said));
        said
    }

    /// Which recordings of a page go, each of them at most once; none where no plugin decides that.
    ///
    /// Errors: there is no decision. Nothing of the page is to be deleted.
    pub fn select_recordings(&self, sweep: &cleanup::Sweep) -> Result<Vec<cleanup::Deletion>, Error> {
        let set = self.set.load();
        let Some(plugin) = &set.cleanup else { return Ok(Vec::new()) };
        let said = plugin.select(sweep);
        set.compare(plugin, || Case::select(sweep, &said));
        said
    }

    /// The key that a plugin computes with: its own, or the one that all share.
    fn key<'a>(&'a self, plugin: &str, shared: &'a Secret) -> &'a Secret {
        self.keys.get(plugin).unwrap_or(shared)
    }

    /// Takes what a plugin stored when the gateway last ran.
    ///
    /// Errors: it does not fit any more; the plugin is without it.
    pub fn recall(&self, plugin: &str, name: String, value: Vec<u8>) -> Result<(), ValueError> {
        self.memories.of(plugin).recall(name, value)
    }

    /// What plugins have stored and forgotten and is not on disk yet. It is told again until it is [settled](Self::settle).
    pub fn changes(&self) -> Vec<Changes> {
        self.memories.changes()
    }

    /// Takes note that `written` is on disk. Changes are to be written and settled by one after the other.
    pub fn settle(&self, written: &Changes) {
        self.memories.settle(written);
    }

    /// What a plugin has stored under names that begin with `prefix`, by name.
    ///
    /// Errors: there is no such plugin.
    pub fn values(&self, plugin: &str, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, ValueError> {
        Ok(self.memory(plugin)?.values(prefix))
    }

    /// Stores a value in a plugin's memory as the plugin itself would, or forgets the name when it is none.
    ///
    /// Errors: there is no such plugin, or the value does not fit.
    pub fn write_value(&self, plugin: &str, name: String, value: Option<Vec<u8>>) -> Result<(), ValueError> {
        self.memory(plugin)?.write(name, value)
    }

    fn memory(&self, plugin: &str) -> Result<Memory, ValueError> {
        if self.set.load().members.contains_key(plugin) {
            Ok(self.memories.of(plugin))
        } else {
            Err(ValueError::NoPlugin(plugin.to_owned()))
        }
    }

    /// What each plugin's calls came to.
    pub fn figures(&self) -> Vec<Figures> {
        self.set.load().all().map(|plugin| plugin.account.figures()).collect()
    }
}
