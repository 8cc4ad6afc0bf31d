//! Whole flows: devices, gateway, media server and callers, each a file per behaviour.

mod binary;
mod hook;
mod live;
mod live_answers;
mod live_close;
mod live_media_server;
mod live_shared;
mod live_ssrc;
mod live_steps;
mod live_wire;
mod notified;
mod presence;
mod refuse;
mod register;
mod restart;
mod wire;
