//! The API's handlers, a file for each noun. A handler decodes, calls once, replies.

pub(super) mod bans;
pub(super) mod channels;
pub(super) mod live;
pub(super) mod playback;
pub(super) mod plugins;
pub(super) mod record;
pub(super) mod users;
pub(super) mod vendor;
