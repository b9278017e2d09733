//! Where a webhook may go. An address that somebody configured, or a name that somebody else resolves, must not make weir
//! knock at doors of its own network.
//!
//! Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and what updates it); for how browsers
//! read numbers as hosts the WHATWG URL standard, "ends in a number".

use http::Uri;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whom a connection is made to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// To be resolved, and what comes of it to be checked.
    Name(String),
    Address(IpAddr),
}

/// A webhook's address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub uri: Uri,
    pub host: Host,
    pub port: u16,
    /// By TLS.
    pub secure: bool,
    /// Private networks and plain HTTP are allowed.
    pub private: bool,
}

impl Target {
    /// Reads an address, or says why it is none for a webhook.
    pub fn read(url: &str, private: bool) -> Result<Self, String> {
        let uri: Uri =
            url.parse().map_err(|_| "expected an address like https://example.com/hook".to_owned())?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if private => false,
            Some("http") => return Err("only https is allowed, unless `allow_private` is true".into()),
            _ => return Err("expected an address that begins with https://".into()),
        };
        let authority = uri.authority().ok_or("the address has no host")?;
        if authority.as_str().contains('@') {
            return Err("a user or password in the address would end up in logs; leave it out".into());
        }
        let host = host(authority.host())?;
        if let Host::Address(address) = host
            && !private
            && !is_public(address)
        {
            return Err(format!("{address} is no public address; `allow_private = true` allows it"));
        }
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        if port == 0 {
            return Err("there is no port 0".into());
        }
        Ok(Self { host, port, secure, private, uri })
    }

    /// Whether a connection may be made to this address, which its name came to just now.
    pub fn may_reach(&self, address: IpAddr) -> bool {
        self.private || is_public(address)
    }
}

/// Names stay names; numbers must be written in the one way that nobody reads as something else.
fn host(text: &str) -> Result<Host, String> {
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = inner.parse().map_err(|_| format!("{text} is no IPv6 address"))?;
        return Ok(Host::Address(address.into()));
    }
    if text.is_empty() {
        return Err("the address has no host".into());
    }
    let last = text.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let hex = last.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("0x"));
    if digits(last) || hex {
        let address: Ipv4Addr = text.parse().map_err(|_| {
            format!("{text} is a number, but no IPv4 address in its usual form, like 203.0.113.7")
        })?;
        return Ok(Host::Address(address.into()));
    }
    Ok(Host::Name(text.to_owned()))
}

/// Whether an address is one of the internet's, which everybody may be asked to connect to.
///
/// Addresses that hold another one (IPv4-mapped, 6to4, Teredo, NAT64) are none, whatever is in them.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    !V4_SPECIAL.iter().any(|(network, prefix)| {
        let mask = u32::MAX << (32 - prefix);
        bits & mask == u32::from(Ipv4Addr::from(*network)) & mask
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = u128::from(address);
    let within = |network: [u16; 8], prefix: u32| {
        let mask = u128::MAX << (128 - prefix);
        bits & mask == u128::from(Ipv6Addr::from(network)) & mask
    };
    // All that was given out is in 2000::/3: loopback, private, link-local, multicast, mapped and NAT64 are outside.
    within([0x2000, 0, 0, 0, 0, 0, 0, 0], 3)
        && !V6_SPECIAL.iter().any(|(network, prefix)| within(*network, *prefix))
}

/// Networks, and how many bits of them count.
const V4_SPECIAL: [([u8; 4], u32); 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    // Carriers' own (RFC 6598), where one cloud keeps its metadata.
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local: the metadata of most clouds.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    // 6to4 relays.
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, reserved, broadcast.
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
    // Given out, but within one cloud its hosts' own services: 168.63.129.16.
    ([168, 63, 129, 16], 32),
    // Direct delegation AS112: answers nobody.
    ([192, 175, 48, 0], 24),
];

const V6_SPECIAL: [([u16; 8], u32); 4] = [
    // IETF's protocols, Teredo among them.
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    // 6to4.
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];
