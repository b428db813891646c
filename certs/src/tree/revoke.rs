//! Taking a certificate back.

use std::path::{Path, PathBuf};

use x509_parser::{
    certificate::X509Certificate,
    extensions::ParsedExtension,
    prelude::FromDer,
    revocation_list::{CertificateRevocationList, RevokedCertificate},
};

use super::{
    Name, Store, TreeError,
    files::Planned,
    layout::AUTHORITIES,
    store::{certificates, parsed},
};
use crate::{Authority, Reason, Revocations, Serial};

/// What `revoke` did.
#[derive(Clone, Debug)]
pub struct Revoked {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// Its serial number.
    pub serial: Serial,
    /// The list that it is on.
    pub file: PathBuf,
    /// Whether the list had to be rewritten.
    pub change: Change,
}

/// Whether a list changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The certificate was put on it; the list's new number.
    Added(u64),
    /// It had been on it before; the file is as it was.
    AlreadyListed,
}

impl Store {
    /// Puts a certificate on its authority's list. `name` is one of `clients/`, such as `alice`, or a path without
    /// suffix, such as `edge/client`. What was on the list stays on it.
    pub fn revoke(&self, name: &str) -> Result<Revoked, TreeError> {
        let certificate = self.find(name)?;
        let (authority, serial, authority_name) = self.issuer_of(&certificate)?;
        let file = self.path(format!("crl/{authority_name}.crl"));
        let list = existing(&file)?;
        if list.holds(&serial) {
            return Ok(Revoked {
                certificate,
                serial,
                file,
                change: Change::AlreadyListed,
            });
        }
        let number = list.number.saturating_add(1);
        let now = time::OffsetDateTime::now_utc();
        let list = list.since(&serial, now, Reason::Unspecified).number(number);
        let relative = format!("crl/{authority_name}.crl");
        self.directory
            .place(&[Planned::public(relative, authority.revocation_list(list)?.pem())])?;
        Ok(Revoked {
            certificate,
            serial,
            file,
            change: Change::Added(number),
        })
    }

    fn find(&self, name: &str) -> Result<PathBuf, TreeError> {
        let relative = match name.split_once('/') {
            None => format!("clients/{}.pem", name.parse::<Name>()?),
            Some((directory, file)) => {
                format!("{}/{}.pem", directory.parse::<Name>()?, file.parse::<Name>()?)
            }
        };
        let looked = self.path(relative);
        if looked.exists() {
            Ok(looked)
        } else {
            Err(TreeError::Unknown {
                name: name.to_owned(),
                looked,
            })
        }
    }

    /// The authority that issued the first certificate of a file, its serial number, and the authority's name.
    fn issuer_of(&self, file: &Path) -> Result<(Authority, Serial, &'static str), TreeError> {
        let malformed = || damaged(file, "its first section is not a certificate");
        let leaf = certificates(file)?.into_iter().next().ok_or_else(malformed)?;
        if parsed(file, &leaf)?.is_self_signed() {
            return Err(TreeError::Root {
                path: file.to_owned(),
            });
        }
        let (_, facts) = X509Certificate::from_der(&leaf).map_err(|_| malformed())?;
        // By key, not by name alone: after `init --force` the authorities have the same names and other keys.
        let issuer_key = facts.extensions().iter().find_map(|extension| {
            if let ParsedExtension::AuthorityKeyIdentifier(identifier) = extension.parsed_extension() {
                identifier.key_identifier.as_ref().map(|key| key.0)
            } else {
                None
            }
        });
        for name in AUTHORITIES {
            let authority = self.authority(name)?;
            if authority.subject_der() == facts.issuer().as_raw()
                && issuer_key == Some(authority.key_identifier())
            {
                return Ok((authority, Serial::new(facts.raw_serial()), name));
            }
        }
        Err(TreeError::Foreign {
            path: file.to_owned(),
            dir: self.path("ca"),
        })
    }
}

/// What is on a list now. A list that cannot be read is an error: a new one in its place would bring back what it held.
fn existing(file: &Path) -> Result<Revocations, TreeError> {
    let lists = transport::pem::revocation_lists(file)?;
    let [der] = lists.as_slice() else {
        return Err(damaged(file, "holds more than one list"));
    };
    let (_, list) =
        CertificateRevocationList::from_der(der).map_err(|_| damaged(file, "is not a revocation list"))?;
    let number = list
        .crl_number()
        .and_then(|number| u64::try_from(number.clone()).ok())
        .ok_or_else(|| damaged(file, "has no number that could be raised"))?;
    let entries = list.iter_revoked_certificates();
    Ok(entries.fold(Revocations::none().number(number), |all, entry| {
        let RevokedCertificate { revocation_date, .. } = entry;
        let reason = entry
            .reason_code()
            .map_or(Reason::Unspecified, |(_, reason)| Reason::from_code(reason.0));
        all.since(
            &Serial::new(entry.raw_serial()),
            revocation_date.to_datetime(),
            reason,
        )
    }))
}

fn damaged(file: &Path, what: &str) -> TreeError {
    TreeError::Content {
        path: file.to_owned(),
        what: what.to_owned(),
    }
}
