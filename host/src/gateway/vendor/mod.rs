//! Vendors: what one maker's devices do differently, decided by modules and used wherever a device is spoken to.
//!
//! | file | its one job |
//! | --- | --- |
//! | `known` | what is known of a device, for the modules |
//! | `order` | the operator's word, which comes first |
//! | `claims` | which module knows a device, and when that is asked again |
//! | `dialect` | a profile in the gateway's terms |
//! | `hooks` | what a profile cannot say |
//! | `shown` | all of that, as operators see it |

mod claims;
mod dialect;
mod hooks;
mod known;
mod order;
mod shown;

pub(super) use claims::Held;
pub(super) use dialect::{Dialect, Manners, Parties};
pub(super) use known::Observed;
pub use shown::VendorShown;
