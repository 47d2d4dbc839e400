//! Which addresses a message may go to: those of the public network, and what its owner allows beside them.
//!
//! Whoever may choose where messages go could otherwise have them sent to what only this machine can reach: the services
//! beside it, and those that hand out credentials of the cloud it runs in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What no public network routes, after the special-purpose registry of IANA.
const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// All that is public lies in here.
const UNICAST_V6: Ipv6Net = v6([0x2000, 0], 3);

/// What is not public in there: protocol assignments (Teredo is one), documentation, and 6to4, which hides an address of
/// the other family.
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0], 23),
    v6([0x2001, 0xdb8], 32),
    v6([0x2002, 0], 16),
    v6([0x3fff, 0], 20),
];

/// What stands before an address of the other family.
const MAPPED_BITS: u8 = 96;

/// The last 32 bits are the address that is reached.
const NAT64: Ipv6Net = v6([0x64, 0xff9b], 96);

const fn v4(octets: [u8; 4], prefix_bits: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix_bits)
}

const fn v6(head: [u16; 2], prefix_bits: u8) -> Ipv6Net {
    let [a, b] = head;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix_bits)
}

/// What is not a block of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no block of addresses: write `10.0.0.0/8`, `fd00::/8` or one address")]
pub struct InvalidBlock(String);

/// Addresses that may be called although they are not public.
#[derive(Clone, Debug, Default)]
pub struct AllowedBlocks(Arc<[IpNet]>);

impl AllowedBlocks {
    /// Reads CIDR blocks; an address by itself is a block of one.
    pub fn parse<T: AsRef<str>>(blocks: &[T]) -> Result<Self, InvalidBlock> {
        blocks.iter().map(|block| parse(block.as_ref())).collect()
    }

    /// Whether a message may go there.
    pub(super) fn allow(&self, address: IpAddr) -> bool {
        // An address that is written in the other family is the same address.
        let address = address.to_canonical();
        is_public(address) || self.0.iter().any(|block| block.contains(&address))
    }
}

impl FromIterator<IpNet> for AllowedBlocks {
    fn from_iter<T: IntoIterator<Item = IpNet>>(blocks: T) -> Self {
        Self(blocks.into_iter().collect())
    }
}

fn parse(block: &str) -> Result<IpNet, InvalidBlock> {
    let text = block.trim();
    let alone = || {
        text.parse::<IpAddr>()
            .map(|address| IpNet::from(address.to_canonical()))
    };
    let parsed = text.parse().or_else(|_| alone()).ok();
    parsed.and_then(canonical).ok_or_else(|| InvalidBlock(block.to_owned()))
}

/// A block that is written in the other family is the same block; `None`: only a part of it is.
fn canonical(block: IpNet) -> Option<IpNet> {
    let mapped = match block {
        IpNet::V4(_) => None,
        IpNet::V6(block) => block.addr().to_ipv4_mapped(),
    };
    let Some(address) = mapped else {
        return Some(block);
    };
    let prefix_bits = block.prefix_len().checked_sub(MAPPED_BITS)?;
    Ipv4Net::new(address, prefix_bits).ok().map(IpNet::V4)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => NOT_PUBLIC_V4.iter().all(|block| !block.contains(&address)),
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            is_public(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
        }
        IpAddr::V6(address) => {
            UNICAST_V6.contains(&address) && NOT_PUBLIC_V6.iter().all(|block| !block.contains(&address))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PUBLIC: &[&str] = &[
        "1.1.1.1",
        "8.8.8.8",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.169.0.0",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2606:4700:4700::1111",
        "2a00:1450:4001::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ];

    const NOT_PUBLIC: &[&str] = &[
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:a9fe:a9fe",
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ];

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_public_addresses_may_be_called() {
        let none = AllowedBlocks::default();
        for text in PUBLIC {
            assert!(none.allow(address(text)), "{text}");
        }
        for text in NOT_PUBLIC {
            assert!(!none.allow(address(text)), "{text}");
        }
    }

    #[test]
    fn what_is_allowed_may_be_called_however_it_is_written() {
        let blocks = [
            "127.0.0.0/8",
            " ::1 ",
            "10.1.0.0/16",
            "::ffff:192.168.1.5/128",
            "::ffff:172.16.0.0/108",
            "fd00::/8",
        ];
        let allowed = AllowedBlocks::parse(&blocks).unwrap();
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "10.1.255.255",
            "::ffff:10.1.0.1",
            "192.168.1.5",
            "172.31.255.255",
            "::ffff:172.16.0.1",
            "fd00::9",
        ] {
            assert!(allowed.allow(address(text)), "{text}");
        }
        // What a gateway makes of an address is reached from there, not from here.
        for text in ["10.2.0.0", "192.168.1.6", "::", "fc00::1", "64:ff9b::10.1.0.1"] {
            assert!(!allowed.allow(address(text)), "{text}");
        }
    }

    #[test]
    fn what_is_no_block_is_refused_by_its_name() {
        for text in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0/8",
            "::1/129",
            "10.0.0.1/",
            "::ffff:10.0.0.0/95",
            "*",
        ] {
            let refused = AllowedBlocks::parse(&["::1", text]).unwrap_err();
            assert_eq!(refused, InvalidBlock(text.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn an_address_means_the_same_in_both_families(bits: u32) {
            let written = Ipv4Addr::from_bits(bits);
            let none = AllowedBlocks::default();
            let mapped = IpAddr::V6(written.to_ipv6_mapped());
            prop_assert_eq!(none.allow(IpAddr::V4(written)), none.allow(mapped));
        }
    }
}
