//! Names in certificates that are mapped by hand, each to more than one consumer.

use std::collections::HashMap;

use transport::finding::Finding;
use uuid::Uuid;

use super::{Survey, Tally};
use crate::document::CertificateMapping;

const CODE: &str = "contradictory-mapping";

pub(super) fn check(survey: &Survey<'_>, tally: &mut Tally) {
    let document = survey.compilation.document;
    for (collection, mappings) in [
        ("mtls_auth_credentials", &document.mtls_auth_credentials),
        (
            "header_cert_auth_credentials",
            &document.header_cert_auth_credentials,
        ),
    ] {
        let mut known: HashMap<(&str, Option<Uuid>), &CertificateMapping> =
            HashMap::with_capacity(mappings.len());
        for mapping in mappings {
            let authority = mapping.ca_certificate.map(|id| id.value);
            let first = *known
                .entry((&mapping.subject_name.value, authority))
                .or_insert(mapping);
            if first.consumer == mapping.consumer {
                continue;
            }
            let place = mapping.subject_name.place;
            tally.tell(CODE, place, "of the same name", || {
                let message = format!(
                    "'{}' is mapped to another consumer at {} already: nobody can say who is meant, and both are refused",
                    mapping.subject_name.value,
                    survey.at(first.subject_name.place),
                );
                let path = format!("{collection}.subject_name");
                Finding::warning(CODE, survey.compilation.at(place), path, message)
                    .with_fix("map a name to one consumer, or name a ca_certificate for each")
            });
        }
    }
}
