//! Which calls and playbacks go on: those that carry an HMAC-SHA256 over what they ask for, until when, and from where.
//!
//! ```text
//! sign = lowercase hex HMAC-SHA256( key, METHOD "\n" path "\n" client "\n" pairs )
//! ```
//!
//! `pairs` are the query's, without `sign`, each written `name=value` with both percent-encoded (RFC 3986: all but
//! letters, digits and `-._~`), sorted, and joined by `&`. One of them is `expires`, Unix seconds. `client` is the
//! address the request comes from, or nothing where `bind_client` is off. A playback is signed as a `GET` of
//! `/rtp/<stream>/hls.m3u8`, whatever protocol plays it.

mod policy;

sluice_sdk::export!(policy::HmacSign: Sign);
