//! Sets of addresses, asked in logarithmic time: lists of thousands of networks are not rare.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks that do not overlap, sorted.
#[derive(Clone, Debug, Default)]
pub struct Networks(Box<[IpNet]>);

impl Networks {
    /// Whether an address is in one of them. An IPv4 address that is written as an IPv6 one is an IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let after = self.0.partition_point(|network| network.network() <= address);
        after
            .checked_sub(1)
            .and_then(|before| self.0.get(before))
            .is_some_and(|network| network.contains(&address))
    }

    /// The networks, which do not overlap.
    pub fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        let networks: Vec<IpNet> = networks.into_iter().map(canonical).collect();
        let mut disjoint = IpNet::aggregate(&networks);
        disjoint.sort_by_key(IpNet::network);
        Self(disjoint.into())
    }
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`: what is compared is in that form.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match network.network() {
        IpAddr::V6(address) => address.to_ipv4_mapped(),
        IpAddr::V4(_) => None,
    };
    mapped
        .zip(network.prefix_len().checked_sub(96))
        .and_then(|(address, length)| IpNet::new(address.into(), length).ok())
        .unwrap_or(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_set_or_not() {
        let networks: Networks = [
            "10.0.0.0/8",
            "10.1.0.0/16",
            "192.168.1.7/32",
            "192.168.1.8/32",
            "2001:db8::/32",
            "::1/128",
            "::ffff:172.16.0.0/108",
        ]
        .map(|network| network.parse().unwrap())
        .into_iter()
        .collect();
        for (address, inside) in [
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("9.255.255.255", false),
            ("11.0.0.0", false),
            ("192.168.1.6", false),
            ("192.168.1.7", true),
            ("192.168.1.8", true),
            ("192.168.1.9", false),
            ("::ffff:10.1.2.3", true),
            ("172.16.1.1", true),
            ("172.32.0.1", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
            ("::1", true),
            ("::", false),
        ] {
            assert_eq!(networks.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(!Networks::default().contains("10.0.0.1".parse().unwrap()));
    }
}
