//! RFC 3261 without input, output or a clock.

pub mod digest;
pub mod fields;
pub mod headers;
pub mod message;
mod parse;
mod text;
pub mod uri;
pub mod via;
