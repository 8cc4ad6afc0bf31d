//! Who counts as one, where something is bounded by source.

use std::net::{IpAddr, Ipv6Addr};

/// What an address is counted under: an IPv4 address, also on an IPv6 socket, or the /64 that one IPv6 customer has.
pub(crate) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}
