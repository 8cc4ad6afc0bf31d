//! What devices do wrong and mean well, whoever made them: the gateway's visible result is right all the same.
//! `docs/vendors.md` says which observation each test stands for.

mod catalog;
mod framing;
mod media;
mod records;
mod register;
