//! Lines for the gateway's log, under the plugin's name. The host cuts lines past 1 KiB and drops those past the
//! plugin's quota. Native tests print them.

pub use crate::bindings::base::sluice::policy::host::Level;

/// For who looks for a fault.
pub fn debug(line: &str) {
    crate::host::log(Level::Debug, line);
}

/// Worth knowing.
pub fn info(line: &str) {
    crate::host::log(Level::Info, line);
}

/// The policy does less than it should.
pub fn warn(line: &str) {
    crate::host::log(Level::Warn, line);
}

/// A person must act.
pub fn error(line: &str) {
    crate::host::log(Level::Error, line);
}
