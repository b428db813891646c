//! One revocation list: read strictly, verified, and kept as sorted serial numbers.
//!
//! Read by hand from DER because lists grow to 500,000 entries: a generic parser's objects for each would take ten times the memory of the
//! file.

use std::fmt;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use x509_parser::asn1_rs::Oid;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::crl::{CrlProblem, is_early};
use crate::certificate::Certificate;
use crate::der::{self, BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};
use crate::distinguished_name::DistinguishedName;
use crate::signature::Signed;

/// A verified revocation list.
pub struct RevocationList {
    issuer: DistinguishedName,
    issuer_key: Box<[u8]>,
    this_update: UnixTime,
    next_update: UnixTime,
    number: Box<[u8]>,
    scope: Scope,
    serials: Vec<Serial>,
}

/// Which certificates of its issuer a list is about (RFC 5280 5.2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    holders: Holders,
    /// The URIs of its distribution point, if it has one.
    points: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Holders {
    #[default]
    All,
    Users,
    Authorities,
}

/// A serial number, at most 20 octets (RFC 5280 4.1.2.2), here with room for a sign octet more than allowed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Serial {
    length: u8,
    octets: [u8; Self::MOST],
}

impl RevocationList {
    /// Reads and verifies one list in DER: signed by one of the known authorities of its issuer's name, which may sign lists; of a scope and
    /// with extensions that are understood; not from the future.
    pub fn parse<'a>(
        der: &[u8],
        authorities: impl IntoIterator<Item = &'a Certificate>,
        now: UnixTime,
    ) -> Result<Self, CrlProblem> {
        let signed = Signed::read(der).ok_or(CrlProblem::Malformed)?;
        let fields = Fields::read(&signed)?;
        let issuer_key = issuer_key(&fields.issuer, &signed, authorities)?;
        let next_update = fields.next_update.ok_or(CrlProblem::NoNextUpdate)?;
        if is_early(fields.this_update, now) {
            return Err(CrlProblem::Early(fields.this_update));
        }
        let (scope, number) = list_extensions(fields.extensions)?;
        Ok(Self {
            issuer: fields.issuer,
            issuer_key,
            this_update: fields.this_update,
            next_update,
            number,
            scope,
            serials: serials(fields.entries, fields.has_extensions)?,
        })
    }

    /// Who issued it.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    /// When it was made.
    pub fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// The last second at which it counts.
    pub fn next_update(&self) -> UnixTime {
        self.next_update
    }

    /// How many certificates it revokes.
    pub fn len(&self) -> usize {
        self.serials.len()
    }

    /// Whether it revokes none.
    pub fn is_empty(&self) -> bool {
        self.serials.is_empty()
    }

    /// What it is about.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(super) fn is_by(&self, issuer: &Certificate) -> bool {
        self.issuer == *issuer.subject() && *self.issuer_key == *issuer.subject_public_key_info()
    }

    pub(super) fn has(&self, raw_serial: &[u8]) -> bool {
        // A serial that is too long is on no list, as such lists are refused.
        Serial::new(raw_serial).is_some_and(|serial| self.serials.binary_search(&serial).is_ok())
    }

    pub(super) fn covers(&self, certificate: &Certificate) -> bool {
        let of_its_kind = match self.scope.holders {
            Holders::All => true,
            Holders::Users => !certificate.is_ca(),
            Holders::Authorities => certificate.is_ca(),
        };
        let at_its_point = match (&self.scope.points, certificate.revocation_list_uris()) {
            (None, _) | (Some(_), None) => true,
            (Some(points), Some(uris)) => uris.iter().any(|uri| points.contains(uri)),
        };
        of_its_kind && at_its_point
    }

    pub(super) fn replaces_or_is_replaced(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.issuer_key == other.issuer_key && self.scope == other.scope
    }

    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        let order = |list: &Self| (list.this_update, list.number.len(), list.number.clone());
        order(self) > order(other)
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationList({}, {} entries)", self.issuer, self.len())
    }
}

impl Serial {
    const MOST: usize = 21;

    fn new(raw: &[u8]) -> Option<Self> {
        let mut octets = [0; Self::MOST];
        octets.get_mut(..raw.len())?.copy_from_slice(raw);
        let length = u8::try_from(raw.len()).ok()?;
        Some(Self { length, octets })
    }
}

/// The fields of TBSCertList (RFC 5280 5.1).
struct Fields<'a> {
    issuer: DistinguishedName,
    this_update: UnixTime,
    next_update: Option<UnixTime>,
    entries: &'a [u8],
    /// Version 2 and so allowed to have extensions.
    has_extensions: bool,
    extensions: &'a [u8],
}

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const EXTENSIONS: u8 = 0xa0;

impl<'a> Fields<'a> {
    fn read(signed: &Signed<'a>) -> Result<Self, CrlProblem> {
        Self::parse(signed).ok_or(CrlProblem::Malformed)
    }

    fn parse(signed: &Signed<'a>) -> Option<Self> {
        let mut tbs = Reader::new(signed.content);
        let has_extensions = match tbs.optional(INTEGER).ok()? {
            Some(version) if version.content == [1] => true,
            Some(_) => return None,
            None => false,
        };
        if tbs.expect(SEQUENCE)?.content != signed.algorithm {
            return None; // RFC 5280 5.1.2.2: the same as outside
        }
        let issuer = DistinguishedName::parse(tbs.expect(SEQUENCE)?.whole)?;
        let this_update = time(tbs.next_element()?.whole)?;
        let next_update = match tbs.peek() {
            Some(UTC_TIME | GENERALIZED_TIME) => Some(time(tbs.next_element()?.whole)?),
            _ => None,
        };
        let entries = tbs
            .optional(SEQUENCE)
            .ok()?
            .map_or(&[][..], |entries| entries.content);
        let extensions = match tbs.optional(EXTENSIONS).ok()? {
            Some(_) if !has_extensions => return None,
            Some(tagged) => der::only(tagged.content, SEQUENCE)?.content,
            None => &[],
        };
        tbs.is_empty().then_some(Self {
            issuer,
            this_update,
            next_update,
            entries,
            has_extensions,
            extensions,
        })
    }
}

pub(super) fn time(whole: &[u8]) -> Option<UnixTime> {
    let (rest, time) = ASN1Time::from_der(whole).ok()?;
    let second = u64::try_from(time.timestamp()).ok()?;
    rest.is_empty()
        .then(|| UnixTime::since_unix_epoch(Duration::from_secs(second)))
}

/// The key that signed it, if it belongs to a known authority of the issuer's name that may sign lists.
fn issuer_key<'a>(
    issuer: &DistinguishedName,
    signed: &Signed<'_>,
    authorities: impl IntoIterator<Item = &'a Certificate>,
) -> Result<Box<[u8]>, CrlProblem> {
    let mut problem = CrlProblem::UnknownIssuer(issuer.to_string());
    for authority in authorities {
        if authority.subject() != issuer || !authority.is_ca() {
            continue;
        }
        if !signed.algorithm_is_known() {
            return Err(CrlProblem::SignatureAlgorithm(issuer.to_string()));
        }
        if !signed.is_by(authority.subject_public_key_info()) {
            if matches!(problem, CrlProblem::UnknownIssuer(_)) {
                problem = CrlProblem::Signature(issuer.to_string());
            }
            continue;
        }
        if authority.may_sign_revocation_lists() {
            return Ok(authority.subject_public_key_info().into());
        }
        problem = CrlProblem::NotASigner(issuer.to_string());
    }
    Err(problem)
}

fn serials(entries: &[u8], may_have_extensions: bool) -> Result<Vec<Serial>, CrlProblem> {
    let mut serials = Vec::new();
    let mut entries = Reader::new(entries);
    while !entries.is_empty() {
        let entry = entries.expect(SEQUENCE).ok_or(CrlProblem::Malformed)?;
        serials.push(serial(entry.content, may_have_extensions)?);
    }
    serials.sort_unstable();
    serials.dedup();
    serials.shrink_to_fit();
    Ok(serials)
}

fn serial(entry: &[u8], may_have_extensions: bool) -> Result<Serial, CrlProblem> {
    let mut fields = Reader::new(entry);
    let parse = |fields: &mut Reader<'_>| {
        let serial = Serial::new(fields.expect(INTEGER)?.content)?;
        let date = fields.next_element()?;
        matches!(date.tag, UTC_TIME | GENERALIZED_TIME).then_some(serial)
    };
    let serial = parse(&mut fields).ok_or(CrlProblem::Malformed)?;
    if fields.is_empty() {
        return Ok(serial);
    }
    let extensions = fields.expect(SEQUENCE).filter(|_| may_have_extensions);
    let extensions = extensions
        .filter(|_| fields.is_empty())
        .ok_or(CrlProblem::Malformed)?;
    for extension in read_extensions(extensions.content) {
        let extension = extension?;
        // reasonCode and invalidityDate do not change that it is revoked; certificateIssuer (critical) would change whose it is.
        let is_understood = matches!(extension.kind, [0x55, 0x1d, 21 | 24]);
        if extension.critical && !is_understood {
            return Err(extension.not_understood());
        }
    }
    Ok(serial)
}

/// Scope and number, after all extensions were found to be understood.
fn list_extensions(content: &[u8]) -> Result<(Scope, Box<[u8]>), CrlProblem> {
    let (mut scope, mut number) = (Scope::default(), Box::default());
    let mut seen: Vec<&[u8]> = Vec::new();
    for extension in read_extensions(content) {
        let extension = extension?;
        if seen.contains(&extension.kind) {
            return Err(CrlProblem::Malformed);
        }
        seen.push(extension.kind);
        match extension.kind {
            [0x55, 0x1d, 20] => {
                let integer = der::only(extension.value, INTEGER).ok_or(CrlProblem::Malformed)?;
                number = integer.content.into();
            }
            [0x55, 0x1d, 27] => return Err(CrlProblem::Delta),
            [0x55, 0x1d, 28] => scope = issuing_distribution_point(extension.value)?,
            // authorityKeyIdentifier: the key is found by the signature itself
            [0x55, 0x1d, 35] => {}
            _ if extension.critical => return Err(extension.not_understood()),
            _ => {}
        }
    }
    Ok((scope, number))
}

pub(super) struct Extension<'a> {
    pub(super) kind: &'a [u8],
    pub(super) critical: bool,
    pub(super) value: &'a [u8],
}

impl Extension<'_> {
    fn not_understood(&self) -> CrlProblem {
        CrlProblem::CriticalExtension(Oid::new(self.kind.into()).to_id_string())
    }
}

pub(super) fn read_extensions(content: &[u8]) -> impl Iterator<Item = Result<Extension<'_>, CrlProblem>> {
    let mut extensions = Reader::new(content);
    std::iter::from_fn(move || {
        if extensions.is_empty() {
            return None;
        }
        let extension = extensions.expect(SEQUENCE).and_then(|extension| {
            let mut fields = Reader::new(extension.content);
            let kind = fields.expect(OBJECT_IDENTIFIER)?.content;
            let critical = fields
                .optional(BOOLEAN)
                .ok()?
                .is_some_and(|flag| flag.content != [0]);
            let value = fields.expect(OCTET_STRING)?.content;
            fields.is_empty().then_some(Extension {
                kind,
                critical,
                value,
            })
        });
        if extension.is_none() {
            extensions = Reader::new(&[]); // told once, then over
        }
        Some(extension.ok_or(CrlProblem::Malformed))
    })
}

/// IssuingDistributionPoint (RFC 5280 5.2.5). What it says must be honoured or the list not used.
fn issuing_distribution_point(value: &[u8]) -> Result<Scope, CrlProblem> {
    let sequence = der::only(value, SEQUENCE).ok_or(CrlProblem::Malformed)?;
    let mut fields = Reader::new(sequence.content);
    let mut scope = Scope::default();
    let mut last = None;
    while !fields.is_empty() {
        let field = fields.next_element().ok_or(CrlProblem::Malformed)?;
        let position = field.tag & 0x1f;
        if last.is_some_and(|last| last >= position) {
            return Err(CrlProblem::Malformed);
        }
        last = Some(position);
        let is_set = field.content != [0];
        match field.tag {
            0xa0 => scope.points = Some(point_uris(field.content)?),
            0x81 if is_set => scope.holders = Holders::Users,
            0x82 if is_set && scope.holders == Holders::Users => return Err(CrlProblem::Malformed),
            0x82 if is_set => scope.holders = Holders::Authorities,
            0x83 => return Err(CrlProblem::Scope("only some reasons")),
            0x84 if is_set => return Err(CrlProblem::Scope("an indirect list")),
            0x85 if is_set => return Err(CrlProblem::Scope("attribute certificates")),
            0x81 | 0x82 | 0x84 | 0x85 => {}
            _ => return Err(CrlProblem::Malformed),
        }
    }
    Ok(scope)
}

fn point_uris(name: &[u8]) -> Result<Vec<String>, CrlProblem> {
    let unsupported = CrlProblem::Scope("a distribution point without a full name");
    let full_name = der::only(name, 0xa0).ok_or(unsupported)?;
    let mut names = Reader::new(full_name.content);
    let mut uris = Vec::new();
    while !names.is_empty() {
        let name = names.next_element().ok_or(CrlProblem::Malformed)?;
        if name.tag == 0x86 {
            let uri = String::from_utf8(name.content.to_vec()).map_err(|_| CrlProblem::Malformed)?;
            uris.push(uri);
        }
    }
    uris.sort_unstable();
    Ok(uris)
}
