//! A plan as people read it: what matters, with one request for each; the rest in numbers.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};

use transport::verify::supposed::Standing;

use super::change::{
    Answer, AnswerVerdict, CertificateBy, CertificateName, Change, Credential, Direction, HeaderSource,
    Lifetime, PassKind, PassName, PassState, Relation, Who, Witness,
};
use super::request::Scheme;
use super::{Plan, Unseen};

/// Routes that are shown of one change.
const ROUTES_SHOWN: usize = 5;
/// Names that are shown of many.
const NAMES_SHOWN: usize = 3;

impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (direction, title) in [
            (Direction::Gain, "GAINS"),
            (Direction::Loss, "LOSSES"),
            (
                Direction::Other,
                "OTHER: the service is told something else of who calls",
            ),
        ] {
            let shown: Vec<&Change> = self
                .changes
                .iter()
                .filter(|change| change.direction == direction && !change.is_implied)
                .collect();
            if shown.is_empty() {
                continue;
            }
            writeln!(f, "{title}")?;
            for change in shown {
                write!(f, "{change}")?;
            }
            writeln!(f)?;
        }
        if !self.unseen.is_empty() {
            writeln!(
                f,
                "NOT SEEN: nobody was tried with all that these routes demand of one request"
            )?;
            for unseen in self.unseen.iter().take(ROUTES_SHOWN) {
                writeln!(f, "? {unseen}")?;
            }
            if let Some(more) = self
                .unseen
                .len()
                .checked_sub(ROUTES_SHOWN)
                .filter(|more| *more > 0)
            {
                writeln!(
                    f,
                    "    … and {} (--json has them all)",
                    counted(more, "more", "more")
                )?;
            }
            writeln!(f)?;
        }
        let count = |direction| {
            let of_direction = self
                .changes
                .iter()
                .filter(move |change| change.direction == direction);
            let shown = of_direction.filter(|change| !change.is_implied);
            shown.map(|change| change.accesses.len()).sum::<usize>()
        };
        let (gains, losses, others) = (
            count(Direction::Gain),
            count(Direction::Loss),
            count(Direction::Other),
        );
        writeln!(
            f,
            "{} gained, {} lost, {} told otherwise",
            counted(gains, "access", "accesses"),
            counted(losses, "access", "accesses"),
            counted(others, "access", "accesses"),
        )
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.direction {
            Direction::Gain => '+',
            Direction::Loss => '-',
            Direction::Other => '~',
        };
        writeln!(f, "{sign} {}, {}", self.who, self.means())?;
        for access in self.accesses.iter().take(ROUTES_SHOWN) {
            writeln!(f, "    route {} → service {}", access.route, access.service)?;
            writeln!(f, "        try     {}", access.witness)?;
            for (when, answer) in ["before", "after "].iter().zip(&access.answers) {
                writeln!(f, "        {when}  {answer}")?;
            }
        }
        if let Some(more) = self
            .accesses
            .len()
            .checked_sub(ROUTES_SHOWN)
            .filter(|more| *more > 0)
        {
            writeln!(
                f,
                "    … and {} (--json has them all)",
                counted(more, "more", "more")
            )?;
        }
        Ok(())
    }
}

impl Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let demands: Vec<&str> = self.demands.iter().map(|kind| kind.word()).collect();
        write!(f, "route {}: {}", self.route, demands.join(" and "))
    }
}

impl PassKind {
    /// For people.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Key => "a key",
            Self::Password => "a password",
            Self::Token => "a token",
            Self::AccessToken => "an access token",
        }
    }
}

impl Change {
    /// What the callers bring.
    fn means(&self) -> String {
        let mut parts = Vec::new();
        let (socket, header) = (by(&self.socket), by(&self.header));
        let Credential {
            socket: has_socket,
            header: source,
            pass,
        } = self.credential;
        match source {
            Some(HeaderSource::Carrier) => parts.push(format!("a certificate in a header ({header})")),
            Some(HeaderSource::Anybody) => {
                parts.push(format!(
                    "a certificate in a header that anybody can write ({header})"
                ));
            }
            None => {}
        }
        match source {
            Some(HeaderSource::Carrier) if has_socket => {
                parts.push(format!("the carrier's own certificate ({socket})"));
            }
            Some(_) | None if has_socket => parts.push(format!("a certificate in the handshake ({socket})")),
            Some(_) | None => {}
        }
        parts.extend(pass.map(|pass| pass.word().to_owned()));
        if parts.is_empty() {
            return "without a credential".to_owned();
        }
        let relation = match self.relation {
            Relation::Any => "",
            Relation::Apart => ", of different consumers",
            Relation::Akin => ", of different consumers that share a tag",
            Relation::Same => ", of one consumer",
        };
        format!("by {}{relation}", parts.join(" with "))
    }
}

impl PassState {
    fn word(self) -> &'static str {
        match (self.kind, self.lifetime) {
            (PassKind::AccessToken, _) if self.is_odd => "an incomplete access token",
            (PassKind::Key | PassKind::Password | PassKind::AccessToken, _)
            | (PassKind::Token, Lifetime::Short) => self.kind.word(),
            (PassKind::Token, Lifetime::Long) => "a token that lasts for years",
            (PassKind::Token, Lifetime::Over) => "an expired token",
            (PassKind::Token, Lifetime::Unsaid) => "a token without an end",
        }
    }
}

impl Display for PassName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.state.word(), self.place)?;
        let name = match self.state.kind {
            PassKind::Key => String::new(),
            PassKind::Password => format!(" for user {}", self.name),
            PassKind::Token => format!(" for {}", self.name),
            PassKind::AccessToken => {
                let grant = self
                    .grant
                    .as_ref()
                    .map_or_else(String::new, |grant| format!(" ({grant})"));
                format!(" for {}{grant}", self.name)
            }
        };
        let [old, new] = &self.owners;
        match (old, new) {
            (Some(old), Some(new)) if old != new => write!(f, "{name} ({old}'s before, {new}'s after)"),
            (Some(owner), _) | (None, Some(owner)) => write!(f, "{name} ({owner}'s)"),
            (None, None) => write!(f, "{name} (nobody's)"),
        }
    }
}

impl Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anybody => f.write_str("anybody"),
            Self::Holders(names) if names.is_empty() => f.write_str("whoever holds a certificate"),
            Self::Holders(names) => write!(f, "whoever holds a certificate of {}", some(names, "names", "")),
            Self::Bearers(groups) => match groups.as_slice() {
                [] => f.write_str("whoever has a token"),
                [group] => write!(f, "whoever has a token that names the group {group}"),
                several => write!(
                    f,
                    "whoever has a token that names the groups {}",
                    several.join(" and ")
                ),
            },
            Self::Anonymous(name) => write!(f, "anybody as the anonymous consumer {name}"),
            Self::Consumers(names, groups) => {
                let shared = match groups.as_slice() {
                    [] => String::new(),
                    [group] => format!(" in group {group}"),
                    several => format!(" in groups {}", several.join(", ")),
                };
                f.write_str(&some(names, "consumers", &shared))
            }
        }
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            AnswerVerdict::Reached { service, consumer } => {
                write!(f, "reaches {service}")?;
                if let Some(consumer) = consumer {
                    write!(f, " as {consumer}")?;
                }
                if let Some(place) = &self.consumer_place {
                    write!(f, " ({place})")?;
                }
            }
            AnswerVerdict::Refused { status, reason } => write!(f, "{status} {reason}")?,
        }
        if let Some(route) = &self.route {
            write!(f, ", route {route}")?;
        }
        if let Some(plugin) = &self.plugin {
            write!(f, ", by {plugin}")?;
        }
        if let Some(place) = &self.place {
            write!(f, " at {place}")?;
        }
        match &self.past {
            Some((plugin, place)) => write!(f, ", past {plugin} at {place}"),
            None => Ok(()),
        }
    }
}

impl Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.request)?;
        if self.is_carried && (self.header.is_none() || self.request.scheme == Scheme::Http) {
            let scheme = self.request.scheme.as_str();
            write!(f, ", carried by https with X-Forwarded-Proto: {scheme}")?;
        }
        if let Some(from) = self.from {
            write!(f, ", from {from}")?;
        }
        if let Some(certificate) = &self.socket {
            write!(f, ", with {certificate}")?;
        }
        if let Some(certificate) = &self.header {
            let names = self.header_names.join(" and ");
            write!(f, ", in {names} {certificate}")?;
        }
        if let Some(pass) = &self.pass {
            write!(f, ", with {pass}")?;
        }
        Ok(())
    }
}

impl Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuer = self.by.authority.as_deref().unwrap_or("somebody else");
        let state = match self.by.standing {
            Standing::Revoked => ", revoked",
            Standing::Good | Standing::Unknown => "",
        };
        write!(
            f,
            "a certificate by {issuer} for {} {}{state}",
            self.kind, self.name
        )
    }
}

/// Who issued the certificates that are meant, and in which state.
fn by(certificates: &[CertificateBy]) -> String {
    let mut by_authority: BTreeMap<Option<&str>, Vec<Standing>> = BTreeMap::new();
    for certificate in certificates {
        let authority = certificate.authority.as_deref();
        by_authority
            .entry(authority)
            .or_default()
            .push(certificate.standing);
    }
    let mut texts: Vec<String> = by_authority
        .into_iter()
        .map(|(authority, standings)| {
            let has = |standing| standings.contains(&standing);
            let state = match (
                has(Standing::Good),
                has(Standing::Unknown),
                has(Standing::Revoked),
            ) {
                (true, true, _) => "",
                (true, false, false) => "known to be good, ",
                (true, false, true) => "known to be good or revoked, ",
                (false, true, false) => "of unknown revocation, ",
                (false, true, true) => "not known to be good, ",
                (false, false, _) => "revoked, ",
            };
            match authority {
                Some(authority) => format!("{state}by {authority}"),
                None => "by an authority that neither document has".to_owned(),
            }
        })
        .collect();
    let more = texts.len().saturating_sub(NAMES_SHOWN);
    texts.truncate(NAMES_SHOWN);
    let mut text = texts.join("; ");
    if more > 0 {
        // Writing to a string cannot fail.
        let _ = write!(text, "; and {more} more");
    }
    text
}

/// All of a few, or how many and for example which.
fn some(names: &[String], what: &str, of_them: &str) -> String {
    if names.len() <= NAMES_SHOWN {
        return names.join(", ");
    }
    let examples = names[..NAMES_SHOWN].join(", ");
    format!("{} {what}{of_them}, e.g. {examples}", with_commas(names.len()))
}

fn counted(number: usize, one: &str, several: &str) -> String {
    format!(
        "{} {}",
        with_commas(number),
        if number == 1 { one } else { several }
    )
}

fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
