//! Networks: which addresses somebody may come from.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

/// Addresses that begin with the same bits, as `192.0.2.0/24` has it; without a length, one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    /// How many of its bits count.
    length: u8,
}

/// A text is no network.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no network; write it like 192.0.2.0/24, or one address like 192.0.2.7")]
pub struct NotANetwork(String);

impl Network {
    /// Whether `address` is one of them. An IPv4 address on an IPv6 socket counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let differ = match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => u128::from(own.to_bits() ^ other.to_bits()) << 96,
            (IpAddr::V6(own), IpAddr::V6(other)) => own.to_bits() ^ other.to_bits(),
            _ => return false,
        };
        // Shifting by all 128 bits is asking for none of them.
        differ.checked_shr(128 - u32::from(self.length)).is_none_or(|bits| bits == 0)
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if length > most { Err(wrong()) } else { Ok(Self { address, length }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(network: &str, address: &str) -> bool {
        let network: Network = network.parse().expect("a network");
        network.contains(address.parse().expect("an address"))
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        for (network, address) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.0/24", "192.0.2.255"),
            ("192.0.2.9/24", "192.0.2.1"),
            ("192.0.2.0/31", "192.0.2.1"),
            ("0.0.0.0/0", "203.0.113.1"),
            ("192.0.2.0/24", "::ffff:192.0.2.1"),
            ("2001:db8::/32", "2001:db8:ffff::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::/0", "2001:db8::1"),
        ] {
            assert!(within(network, address), "{network} {address}");
        }
        for (network, address) in [
            ("192.0.2.7", "192.0.2.6"),
            ("192.0.2.0/24", "192.0.3.0"),
            ("192.0.2.0/31", "192.0.2.2"),
            ("0.0.0.0/0", "2001:db8::1"),
            ("::/0", "192.0.2.1"),
            ("2001:db8::/32", "2001:db9::1"),
            ("2001:db8::1", "2001:db8::2"),
        ] {
            assert!(!within(network, address), "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_said_so() {
        for text in [
            "",
            "192.0.2",
            "192.0.2.0/33",
            "192.0.2.0/",
            "192.0.2.0/-1",
            "::/129",
            "localhost",
            "1.2.3.4/8/8",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_network_is_written_as_it_is_read() {
        for text in ["192.0.2.0/24", "2001:db8::/32"] {
            assert_eq!(text.parse::<Network>().expect("a network").to_string(), text);
        }
        assert_eq!("192.0.2.7".parse::<Network>().expect("an address").to_string(), "192.0.2.7/32");
    }
}
