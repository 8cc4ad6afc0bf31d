//! What a server is made from.

use std::net::Ipv4Addr;
use std::path::PathBuf;

/// What a server is made from.
#[derive(Clone)]
pub struct ZlmConfig {
    /// `api.secret`.
    pub secret: String,
    /// `general.mediaServerId`.
    pub server_id: String,
    /// Where it listens.
    pub address: Ipv4Addr,
    /// Where hooks go: `<base>/<hook>`. `None`: nowhere, and every one counts as accepted.
    pub hook_base: Option<String>,
    /// A query for every hook, such as `token=…`.
    pub hook_query: Option<String>,
    /// So many times faster than a real server its delays are; the hooks' time limit stays real.
    pub speed: u32,
    /// `./www`: recordings go to `record/` in it. `None`: a temporary folder that goes with the server.
    pub record_root: Option<PathBuf>,
}

impl Default for ZlmConfig {
    /// Twenty times faster than life, hooks nowhere.
    fn default() -> Self {
        Self {
            secret: "dummy-secret".to_owned(),
            server_id: "zlm-test-1".to_owned(),
            address: Ipv4Addr::LOCALHOST,
            hook_base: None,
            hook_query: None,
            speed: 20,
            record_root: None,
        }
    }
}

impl std::fmt::Debug for ZlmConfig {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZlmConfig")
            .field("server_id", &self.server_id)
            .field("address", &self.address)
            .field("hook_base", &self.hook_base)
            .field("speed", &self.speed)
            .finish_non_exhaustive()
    }
}
