//! Tests against recordings of a real media server.
