//! A simulated ZLMediaKit.
