//! What has run out, or will soon, told while there is still time. A certificate is judged at every use anyhow: this is
//! for whoever has to renew it.

use std::time::Duration;

use rustls::pki_types::UnixTime;

use crate::certificate::{Certificate, iso8601};
use crate::finding::{Finding, Origin};
use crate::revocation::crl::RevocationList;

/// Code of what is past its last day, or before its first.
pub const EXPIRED: &str = "certificate-expired";
/// Code of what has less than 30 days left.
pub const EXPIRES_SOON: &str = "expires-soon";

/// How long before the end it is told.
const SOON: Duration = Duration::from_hours(30 * 24);
const DAY: u64 = 24 * 60 * 60;

/// What certificates in a file, or in an entity, are there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// They are shown to a peer, leaf first.
    Shown,
    /// They vouch for others.
    Authorities,
}

/// Certificates that were written in one place.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// What the operator calls them: the file, the entity.
    pub name: &'a str,
    /// Where they were named.
    pub origin: Origin,
    /// The path of that key.
    pub path: &'a str,
    /// What they are for.
    pub role: Role,
}

impl Batch<'_> {
    /// At most one finding for each thing that can be wrong: a bundle may hold hundreds.
    pub fn judge<'c>(
        &self,
        certificates: impl IntoIterator<Item = &'c Certificate>,
        now: UnixTime,
    ) -> Vec<Finding> {
        let mut doubtful: [Vec<(usize, &Certificate)>; 3] = Default::default();
        for (position, certificate) in certificates.into_iter().enumerate() {
            let kind = if certificate.not_after() < now {
                0
            } else if certificate.not_before() > now {
                1
            } else if is_soon(certificate.not_after(), now) {
                2
            } else {
                continue;
            };
            doubtful[kind].push((position, certificate));
        }
        let [expired, early, soon] = doubtful;
        let end = |certificate: &Certificate| iso8601(certificate.not_after());
        [
            self.finding(EXPIRED, &expired, |certificate| {
                format!("expired at {}", end(certificate))
            }),
            self.finding(EXPIRED, &early, |certificate| {
                format!("is not valid before {}", iso8601(certificate.not_before()))
            }),
            self.finding(EXPIRES_SOON, &soon, |certificate| {
                let days = days_left(certificate.not_after(), now);
                format!("expires at {}, in {days}", end(certificate))
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn finding(
        &self,
        code: &'static str,
        found: &[(usize, &Certificate)],
        says: impl Fn(&Certificate) -> String,
    ) -> Option<Finding> {
        let ((position, first), others) = found.split_first()?;
        let which = match (self.role, position) {
            (Role::Shown, 0) => self.name.to_owned(),
            _ => format!("`{}` in {}", first.subject(), self.name),
        };
        let more = match others.len() {
            0 => String::new(),
            number => format!(" (and {number} more there)"),
        };
        let fix = match self.role {
            Role::Shown => "whoever verifies it refuses it: install a current one",
            Role::Authorities => "it vouches for nobody then: install its successor beside it",
        };
        let message = format!("{which} {}{more}", says(first));
        Some(Finding::warning(code, self.origin.clone(), self.path, message).with_fix(fix))
    }
}

/// Says so of a list that will be stale soon. A list that is made every week is always near its end: a short life is
/// almost over in its last third.
pub fn of_list(list: &RevocationList, origin: Origin, path: &str, now: UnixTime) -> Option<Finding> {
    let end = list.next_update();
    let life = end.as_secs().saturating_sub(list.this_update().as_secs());
    let left = end.as_secs().checked_sub(now.as_secs())?;
    (left < SOON.as_secs().min(life / 3)).then(|| {
        let message = format!(
            "the revocation list of {} will be stale at {}, in {}: every certificate that it covers is refused then",
            list.issuer(),
            iso8601(end),
            days_left(end, now),
        );
        Finding::warning(EXPIRES_SOON, origin, path, message).with_fix("install the next list and reload")
    })
}

fn is_soon(end: UnixTime, now: UnixTime) -> bool {
    end.as_secs().saturating_sub(now.as_secs()) < SOON.as_secs()
}

fn days_left(end: UnixTime, now: UnixTime) -> String {
    match end.as_secs().saturating_sub(now.as_secs()) / DAY {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
