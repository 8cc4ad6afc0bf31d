//! The door to policy: sandboxed WebAssembly components.
