//! RFC 3261 without input, output or a clock.
