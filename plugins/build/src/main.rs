//! `cargo plugins`.
fn main() {}
