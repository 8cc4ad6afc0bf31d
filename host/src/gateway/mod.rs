//! The domain: the only place where the doors meet.
