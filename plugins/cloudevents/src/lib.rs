//! Notifications as CloudEvents 1.0 (structured mode, JSON), each signed so that the receiver knows whom it is from.
//!
//! ```text
//! Sluice-Signature: t=<Unix seconds>,v1=<lowercase hex HMAC-SHA256( key, t "." body )>
//! ```
//!
//! The key is the plugin's own (`[plugins.keys] cloudevents`), else `http.secret`. A receiver checks the code over the
//! body's bytes and refuses a `t` that is minutes old, so that nothing recorded can be sent to it again.

mod policy;

sluice_sdk::export!(policy::CloudEvents: Notify);
