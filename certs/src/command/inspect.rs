//! What is in a file of certificates and revocation lists.

use std::fs;
use std::io::Write;
use std::path::Path;

use rustls::pki_types::{CertificateDer, UnixTime};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use transport::certificate::{AlternativeName, Certificate, PublicKey};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{ExtendedKeyUsage, KeyUsage},
    prelude::FromDer,
    revocation_list::CertificateRevocationList,
};

use super::CommandError;
use crate::Serial;

/// One certificate or list: what it is, and its facts in the order in which they are shown.
pub(super) struct Shown {
    kind: &'static str,
    facts: Vec<(&'static str, Value)>,
}

/// Everything in the file, certificates first.
pub(super) fn read(file: &Path) -> Result<Vec<Shown>, CommandError> {
    let source_name = file.display().to_string();
    let octets = fs::read(file).map_err(|error| CommandError::Read {
        source_name: source_name.clone(),
        error,
    })?;
    if octets.first() == Some(&0x30) {
        return read_der(octets, &source_name);
    }
    let holds = |label: &str| {
        octets
            .windows(label.len())
            .any(|window| window == label.as_bytes())
    };
    let mut shown = Vec::new();
    if holds("-----BEGIN X509 CRL-----") {
        for list in transport::pem::revocation_lists(file)? {
            shown.push(
                list_facts(&list)
                    .ok_or_else(|| unreadable(&source_name, "holds a broken revocation list"))?,
            );
        }
        if !holds("CERTIFICATE-----") {
            return Ok(shown);
        }
    }
    let certificates = transport::pem::certificates(file)?;
    let mut all = Vec::with_capacity(certificates.len() + shown.len());
    for der in certificates {
        all.push(certificate(der, &source_name)?);
    }
    all.append(&mut shown);
    Ok(all)
}

fn read_der(octets: Vec<u8>, source_name: &str) -> Result<Vec<Shown>, CommandError> {
    if let Some(list) = list_facts(&octets) {
        return Ok(vec![list]);
    }
    let parsed = certificate(octets.into(), source_name);
    Ok(vec![parsed.map_err(|_| {
        let problem = "is neither a certificate nor a revocation list; a .p12 is read with `openssl pkcs12 -nokeys -in`";
        unreadable(source_name, problem)
    })?])
}

fn certificate(der: CertificateDer<'static>, source_name: &str) -> Result<Shown, CommandError> {
    let parsed = Certificate::parse(der).map_err(|error| CommandError::Certificate {
        source_name: source_name.to_owned(),
        error,
    })?;
    let (_, raw) = X509Certificate::from_der(parsed.der())
        .map_err(|_| unreadable(source_name, "holds a certificate with a broken extension"))?;
    let names = parsed
        .alternative_names()
        .unwrap_or_default()
        .iter()
        .map(name)
        .collect::<Vec<_>>();
    let usages = raw
        .key_usage()
        .ok()
        .flatten()
        .map(|usage| key_usages(*usage.value))
        .unwrap_or_default();
    let purposes = raw
        .extended_key_usage()
        .ok()
        .flatten()
        .map(|usage| purposes(usage.value))
        .unwrap_or_default();
    let facts = vec![
        ("subject", parsed.subject().to_string().into()),
        ("issuer", parsed.issuer().to_string().into()),
        ("serial", parsed.serial().into()),
        ("not_before", date(parsed.not_before())),
        ("not_after", date(parsed.not_after())),
        ("names", names.into()),
        ("key", key(parsed.public_key()).into()),
        ("key_usage", usages.into()),
        ("extended_key_usage", purposes.into()),
        ("ca", parsed.is_ca().into()),
        ("self_signed", parsed.is_self_signed().into()),
        (
            "crl_urls",
            json!(parsed.revocation_list_uris().unwrap_or_default()),
        ),
        ("ocsp_urls", json!(parsed.ocsp_uris())),
        ("sha256", crate::pki::hex(&parsed.sha256()).into()),
    ];
    Ok(Shown {
        kind: "certificate",
        facts,
    })
}

fn list_facts(der: &[u8]) -> Option<Shown> {
    let (rest, list) = CertificateRevocationList::from_der(der).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let moment = |time: x509_parser::time::ASN1Time| rfc3339(time.to_datetime());
    let serials: Vec<String> = list
        .iter_revoked_certificates()
        .map(|entry| Serial::new(entry.raw_serial()).to_string())
        .collect();
    let facts = vec![
        ("issuer", list.issuer().to_string().into()),
        (
            "number",
            list.crl_number()
                .map_or(Value::Null, |number| number.to_string().into()),
        ),
        ("this_update", moment(list.last_update())),
        ("next_update", list.next_update().map_or(Value::Null, moment)),
        ("entries", serials.len().into()),
        ("serials", serials.into()),
    ];
    Some(Shown {
        kind: "revocation_list",
        facts,
    })
}

pub(super) fn write_json(shown: &[Shown], out: &mut dyn Write) -> Result<(), CommandError> {
    let all: Vec<Value> = shown
        .iter()
        .map(|one| {
            let facts = one
                .facts
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()));
            std::iter::once(("kind".to_owned(), one.kind.into()))
                .chain(facts)
                .collect()
        })
        .collect();
    Ok(writeln!(out, "{:#}", Value::Array(all))?)
}

pub(super) fn write_text(shown: &[Shown], out: &mut dyn Write) -> Result<(), CommandError> {
    for (index, one) in shown.iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        writeln!(out, "{gap}{} ({} of {})", words(one.kind), index + 1, shown.len())?;
        for (name, value) in &one.facts {
            for (row, text) in rows(value).into_iter().enumerate() {
                let label = if row == 0 { words(name) } else { String::new() };
                // What certificates hold must not move a terminal's cursor.
                let text: String = text.chars().flat_map(visible).collect();
                writeln!(out, "  {label:<20}{text}")?;
            }
        }
    }
    Ok(())
}

/// The lines that a fact takes; one that says nothing takes none.
fn rows(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Bool(true) => vec!["yes".to_owned()],
        Value::Bool(false) => vec!["no".to_owned()],
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(rows).collect(),
        Value::Number(_) | Value::Object(_) => vec![value.to_string()],
    }
}

fn visible(character: char) -> Vec<char> {
    if character.is_control() {
        character.escape_default().collect()
    } else {
        vec![character]
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn name(name: &AlternativeName) -> String {
    match name {
        AlternativeName::Email(address) => format!("email:{address}"),
        AlternativeName::Dns(dns) => format!("dns:{dns}"),
        AlternativeName::Uri(uri) => format!("uri:{uri}"),
        AlternativeName::Ip(address) => format!("ip:{address}"),
        AlternativeName::Directory(name) => format!("directory:{name}"),
        AlternativeName::Other => "other".to_owned(),
    }
}

fn key(key: PublicKey) -> String {
    match key {
        PublicKey::Rsa { bits } => format!("RSA {bits}"),
        PublicKey::P256 => "ECDSA P-256".to_owned(),
        PublicKey::P384 => "ECDSA P-384".to_owned(),
        PublicKey::P521 => "ECDSA P-521".to_owned(),
        PublicKey::Ed25519 => "Ed25519".to_owned(),
        PublicKey::Other => "of another type".to_owned(),
    }
}

/// As RFC 5280 4.2.1.3 spells them.
fn key_usages(usage: KeyUsage) -> Vec<&'static str> {
    let known = [
        (usage.digital_signature(), "digitalSignature"),
        (usage.non_repudiation(), "nonRepudiation"),
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ];
    known
        .into_iter()
        .filter_map(|(present, name)| present.then_some(name))
        .collect()
}

fn purposes(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (usage.any, "anyExtendedKeyUsage"),
        (usage.server_auth, "serverAuth"),
        (usage.client_auth, "clientAuth"),
        (usage.code_signing, "codeSigning"),
        (usage.email_protection, "emailProtection"),
        (usage.time_stamping, "timeStamping"),
        (usage.ocsp_signing, "OCSPSigning"),
    ];
    let named = known
        .into_iter()
        .filter(|(present, _)| *present)
        .map(|(_, name)| name.to_owned());
    named
        .chain(usage.other.iter().map(x509_parser::der_parser::Oid::to_id_string))
        .collect()
}

fn date(time: UnixTime) -> Value {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).map_or(Value::Null, rfc3339)
}

fn rfc3339(time: OffsetDateTime) -> Value {
    time.format(&Rfc3339).map_or(Value::Null, Value::String)
}

fn unreadable(source_name: &str, problem: &str) -> CommandError {
    CommandError::Unreadable {
        source_name: source_name.to_owned(),
        problem: problem.to_owned(),
    }
}
