//! What goes wrong with plugins, when they are loaded and when they are called.

use std::{error::Error as StdError, io, path::PathBuf, time::Duration};

use super::{host::State, limits::Stop};

/// A decision that a plugin did not make. The caller falls back as its interface in `wit/` says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugin {plugin}: {fault}")]
pub struct Error {
    /// Its file name without `.wasm`.
    pub plugin: String,
    /// What happened.
    pub fault: Fault,
}

/// Why a call of a plugin brought no decision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It answered what the contract does not allow.
    #[error("answered against the contract: {0}")]
    Answer(String),
    /// It used up its CPU time.
    #[error("ended after {0:?} of CPU time")]
    Cpu(Duration),
    /// It says itself that it cannot decide.
    #[error("{0}")]
    Guest(String),
    /// It asked too much of the host.
    #[error("ended after too many host calls")]
    HostCalls,
    /// It wanted more memory than this many bytes.
    #[error("wanted more than {0} bytes of memory")]
    Memory(usize),
    /// A fresh instance could not be made.
    #[error("could not be started: {0}")]
    Start(String),
    /// It trapped; a panic in Rust ends so.
    #[error("trapped: {0}")]
    Trap(String),
    /// It failed too often and is not asked for this long.
    #[error("set aside for another {0:?}")]
    Unavailable(Duration),
    /// It took too long by the wall clock.
    #[error("ended after {0:?}")]
    Wall(Duration),
}

impl Fault {
    /// One word for figures.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Answer(_) => "answer",
            Self::Cpu(_) => "cpu",
            Self::Guest(_) => "guest",
            Self::HostCalls => "host-calls",
            Self::Memory(_) => "memory",
            Self::Start(_) => "start",
            Self::Trap(_) => "trap",
            Self::Unavailable(_) => "unavailable",
            Self::Wall(_) => "wall",
        }
    }

    /// Whether the plugin is broken rather than undecided.
    pub(super) fn is_breakage(&self) -> bool {
        !matches!(self, Self::Guest(_) | Self::Unavailable(_))
    }

    /// Reads from a failed call why it failed.
    pub(super) fn of_call(error: &wasmtime::Error, state: &State) -> Self {
        let limits = state.stopwatch.limits();
        match error.downcast_ref() {
            Some(Stop::Cpu) => Self::Cpu(limits.cpu),
            Some(Stop::HostCalls) => Self::HostCalls,
            Some(Stop::Wall) => Self::Wall(limits.wall),
            None if state.ceiling.refused() => Self::Memory(limits.memory),
            None => Self::Trap(error.root_cause().to_string()),
        }
    }
}

/// Where wasmtime's own errors are kept as sources.
type Source = Box<dyn StdError + Send + Sync>;

/// Why the plugins were not taken. Each text says what an operator can do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not WebAssembly, cut short, or of a kind that the engine does not take.
    #[error("{} does not compile; is the file complete, and a WebAssembly component?", path.display())]
    Compile {
        /// The file.
        path: PathBuf,
        /// What the compiler said.
        source: Source,
    },
    /// This machine cannot run the engine.
    #[error("the WebAssembly engine does not start")]
    Engine(#[source] Source),
    /// An interface is exported, but not in the shape of this gateway's contract.
    #[error(
        "plugin {plugin} exports an interface in another shape than this gateway's wit/; rebuild it against that"
    )]
    Export {
        /// The plugin.
        plugin: String,
        /// Which function or type.
        source: Source,
    },
    /// The folder cannot be read.
    #[error("cannot read the plugin folder {}; set `path` in [plugins] to the folder that `cargo plugins` names", folder.display())]
    Folder {
        /// As configured.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It wants what plugins are not given.
    #[error(
        "plugin {plugin} imports `{import}`, which is not granted: a plugin may import only `sluice:policy/host`, \
         and WASI 0.2, which is empty"
    )]
    Import {
        /// The plugin.
        plugin: String,
        /// The first import of that kind.
        import: String,
    },
    /// `init` did not take the configuration, or broke.
    #[error("plugin {plugin} does not start with its configuration, [plugins.config.{plugin}]: {fault}")]
    Init {
        /// The plugin.
        plugin: String,
        /// What it said, or what ended it.
        fault: Fault,
    },
    /// It wants a function of the host's that this gateway does not have.
    #[error(
        "plugin {plugin} asks for something that this gateway's `sluice:policy/host` lacks; update the gateway, or rebuild the plugin against its wit/"
    )]
    Link {
        /// The plugin.
        plugin: String,
        /// What is lacking.
        source: Source,
    },
    /// No such file.
    #[error(
        "there is no plugin `{plugin}`, which [plugins] {role} asks for: looked for {plugin}.wasm in {}, found {found}; \
         build the bundled plugins by `cargo plugins` and set `path` in [plugins] to the folder that it names",
        folder.display()
    )]
    Missing {
        /// The key that names it.
        role: Role,
        /// The name.
        plugin: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// It is no sluice plugin, or a file cut short where that goes unnoticed.
    #[error(
        "plugin {plugin} does not export `sluice:policy/lifecycle`: it is no sluice plugin, or the file is incomplete"
    )]
    NoLifecycle {
        /// The plugin.
        plugin: String,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not decide what it is named for.
    #[error("plugin {plugin} is named for {role} in [plugins], but does not export `sluice:policy/{role}`")]
    Role {
        /// The plugin.
        plugin: String,
        /// The key that names it.
        role: Role,
    },
    /// It finds itself wanting.
    #[error("plugin {plugin} fails its self-test: {fault}")]
    SelfTest {
        /// The plugin.
        plugin: String,
        /// What it said, or what ended it.
        fault: Fault,
    },
    /// The file is too big.
    #[error("{} is larger than {limit} bytes, which is the most that a plugin may be", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
}

/// What a plugin is named for in `[plugins]`; each is an interface of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Who may register.
    Auth,
    /// Which recordings go.
    Cleanup,
    /// What notifications look like.
    Notify,
    /// Which calls and playbacks go on.
    Sign,
    /// What a maker's devices do differently.
    Vendor,
}

impl Role {
    /// The name of the key in `[plugins]` and of the interface in `wit/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Cleanup => "cleanup",
            Self::Notify => "notify",
            Self::Sign => "sign",
            Self::Vendor => "vendor",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An error with its sources, on one line.
pub(super) fn full(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
