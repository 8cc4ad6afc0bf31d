//! `sluice init`: the reference file with random secrets and this machine's address filled in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// The commented reference, ready to start: `http.secret` and `media.hook_token` are random, and the
/// addresses that devices and viewers use are this machine's.
///
/// # Errors
/// When the system has no random numbers.
pub fn commented() -> Result<String, getrandom::Error> {
    let reference = include_str!("../../../config/sluice.toml");
    let ip = address();
    let mut section = "";
    let mut text = String::with_capacity(reference.len() + 256);
    for line in reference.lines() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.split(']').next().unwrap_or_default();
        }
        match filled(section, line, ip)? {
            Some(line) => text.push_str(&line),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    Ok(text)
}

/// The line as it is to be written, where it differs from the reference.
fn filled(section: &str, line: &str, ip: IpAddr) -> Result<Option<String>, getrandom::Error> {
    let key = line.split('=').next().unwrap_or_default().trim();
    Ok(match (section, key) {
        ("http", "secret") | ("media", "hook_token") => {
            Some(line.replacen("\"\"", &format!("\"{}\"", secret()?), 1))
        }
        ("media", "http" | "rtmp" | "rtp" | "rtsp" | "ws") => {
            Some(line.replacen("127.0.0.1", &ip.to_string(), 1))
        }
        _ => None,
    })
}

fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// The address by which this machine would reach the outside, loopback where it has no network. Nothing is
/// sent: connecting a UDP socket only asks the routing table. 192.0.2.1 is reserved for documentation (RFC 5737).
fn address() -> IpAddr {
    let route = || -> std::io::Result<SocketAddr> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    };
    route().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |local| local.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Loaded, check, parse};

    #[test]
    fn it_starts_as_it_is_once_the_media_servers_secret_is_known() {
        let text = commented().expect("random numbers");
        let config = parse(&text, []).expect("what we write parses");
        let keys: Vec<_> = check(&Loaded { config, text }).into_iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["media.secret"]);
    }

    #[test]
    fn no_two_files_share_a_secret() {
        let secrets = [(), ()].map(|()| {
            let text = commented().expect("random numbers");
            parse(&text, []).expect("what we write parses")
        });
        assert_ne!(secrets[0].http.secret, secrets[1].http.secret);
        assert_ne!(secrets[0].http.secret, secrets[0].media.hook_token);
        assert_eq!(secrets[0].http.secret.len(), 48);
    }
}
