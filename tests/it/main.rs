//! Whole flows: devices, gateway, media server and callers, each a file per behaviour.

mod account;
mod catalog;
mod envelope;
mod live;
mod notified;
mod notify;
mod openapi;
mod receiver;
mod refuse;
mod register;
mod sign;
mod wire;
