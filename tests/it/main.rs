//! Whole flows: devices, gateway, media server and callers, each a file per behaviour.

mod binary;
mod cli;
mod live;
mod notified;
mod presence;
mod refuse;
mod register;
mod restart;
mod wire;
