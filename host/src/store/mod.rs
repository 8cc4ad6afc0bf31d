//! The door to SQLite.
