//! Kong's order of routes: one 64-bit number, the larger first.
//!
//! | bits | meaning |
//! |---|---|
//! | 61..63 | how many kinds of {methods, hosts, headers, paths, snis} are set |
//! | 60 | hosts are set, and none is a wildcard |
//! | 52..59 | number of header names, at most 255 |
//! | 51 | regex paths |
//! | 19..50 | regex_priority, of regex paths only |
//! | 0..18 | length of the prefix paths |

use super::alternative::Conditions;

/// The paths of one sub-route, as far as they decide its priority. Kong splits a route with several paths into one
/// sub-route per distinct prefix length and one for all regexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathGroup {
    /// No paths.
    Any,
    /// All regexes of the route, with its `regex_priority`.
    Regexes(u32),
    /// Prefixes of one length, in octets as Kong counts them.
    Prefixes(usize),
}

/// The number for a route's conditions together with one of its path groups.
pub(super) fn priority(conditions: &Conditions, paths: PathGroup) -> u64 {
    let Conditions {
        methods,
        hosts,
        headers,
        snis,
    } = conditions;
    let set = [
        !methods.is_empty(),
        !hosts.is_empty(),
        !headers.is_empty(),
        !snis.is_empty(),
        paths != PathGroup::Any,
    ];
    let kinds: u64 = set.into_iter().map(u64::from).sum();
    let plain_hosts = !hosts.is_empty() && hosts.iter().all(|host| host.name.is_exact());
    let header_names = saturated(headers.len(), 0xFF);
    let path = match paths {
        PathGroup::Any => 0,
        PathGroup::Regexes(regex_priority) => 1 << 51 | u64::from(regex_priority) << 19,
        PathGroup::Prefixes(length) => saturated(length, 0x7_FFFF),
    };
    kinds << 61 | u64::from(plain_hosts) << 60 | header_names << 52 | path
}

fn saturated(count: usize, most: u64) -> u64 {
    u64::try_from(count).map_or(most, |count| count.min(most))
}

#[cfg(test)]
mod tests {
    use super::super::header_condition::HeaderCondition;
    use super::super::host::HostPattern;
    use super::*;

    fn conditions(hosts: &[&str], headers: usize) -> Conditions {
        let header = HeaderCondition::parse("x-a", &["1".to_owned()]).unwrap();
        Conditions {
            hosts: hosts
                .iter()
                .map(|host| HostPattern::parse(host).unwrap())
                .collect(),
            headers: vec![header; headers],
            ..Conditions::default()
        }
    }

    #[test]
    fn each_part_has_its_bits() {
        for (hosts, headers, paths, expected) in [
            (&[][..], 0, PathGroup::Prefixes(1), 0x2000_0000_0000_0001),
            (&[], 0, PathGroup::Prefixes(0x7_FFFF), 0x2000_0000_0007_FFFF),
            (&[], 0, PathGroup::Prefixes(0x8_0000), 0x2000_0000_0007_FFFF),
            (&[], 0, PathGroup::Regexes(0), 0x2008_0000_0000_0000),
            (&[], 0, PathGroup::Regexes(1), 0x2008_0000_0008_0000),
            (&[], 0, PathGroup::Regexes(u32::MAX), 0x200F_FFFF_FFF8_0000),
            (&["a"], 0, PathGroup::Any, 0x3000_0000_0000_0000),
            (&["a:80"], 0, PathGroup::Any, 0x3000_0000_0000_0000),
            (&["*.a"], 0, PathGroup::Any, 0x2000_0000_0000_0000),
            (&["a", "*.a"], 0, PathGroup::Any, 0x2000_0000_0000_0000),
            (&[], 1, PathGroup::Any, 0x2010_0000_0000_0000),
            (&[], 256, PathGroup::Any, 0x2FF0_0000_0000_0000),
            (&["a"], 2, PathGroup::Prefixes(5), 0x7020_0000_0000_0005),
        ] {
            let got = priority(&conditions(hosts, headers), paths);
            assert_eq!(got, expected, "{hosts:?} {headers} {paths:?}: {got:#x}");
        }
    }
}
