//! Whole flows: devices, gateway, media server and callers, each a file per behaviour.

mod account;
mod binary;
mod catalog;
mod envelope;
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
mod notify;
mod openapi;
mod presence;
mod receiver;
mod refuse;
mod register;
mod restart;
mod sign;
mod wire;
