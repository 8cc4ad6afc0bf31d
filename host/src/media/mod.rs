//! The door to ZLMediaKit.
