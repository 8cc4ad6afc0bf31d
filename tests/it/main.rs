//! Whole flows: devices, gateway, media server and callers, each a file per behaviour.

mod gb28181_rs;
mod live;
mod notified;
mod refuse;
mod register;
mod sipp;
mod sipsak;
mod wire;
