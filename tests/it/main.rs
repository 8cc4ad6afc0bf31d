//! Whole flows: devices, gateway, media server and callers, each a file per behaviour.

mod live;
mod notified;
mod refuse;
mod register;
mod wire;
