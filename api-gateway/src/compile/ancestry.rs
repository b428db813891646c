//! Which CA is below which, as far as the CAs of a document can tell.

use transport::certificate::Certificate;
use uuid::Uuid;

/// Whether a path from a certificate that `ca` issued could end at one of `above`: because it is one of them, has the
/// name and the key of one, or is below one. Whoever presents a certificate brings the CAs between.
pub(super) fn is_below(ca: &Certificate, above: &[Certificate], between: &[(Uuid, Certificate)]) -> bool {
    let mut seen: Vec<&Certificate> = vec![ca];
    let mut next = 0;
    while let Some(current) = seen.get(next).copied() {
        next += 1;
        let arrives = above.iter().any(|authority| {
            let same = authority.subject().raw() == current.subject().raw()
                && authority.subject_public_key_info() == current.subject_public_key_info();
            same || authority.has_signed(current)
        });
        if arrives {
            return true;
        }
        for (_, issuer) in between {
            if !seen.iter().any(|known| known.der() == issuer.der()) && issuer.has_signed(current) {
                seen.push(issuer);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use certs::{Authority, Ca};

    use super::*;

    fn read(authority: &Authority) -> Certificate {
        Certificate::parse(authority.certificate().clone()).unwrap()
    }

    #[test]
    fn whoever_could_be_on_a_path_to_an_authority_is_below_it() {
        let root = Authority::root("Company").unwrap();
        let middle = root.intermediate("Services").unwrap();
        let clients = middle.intermediate("Clients").unwrap();
        let namesake = Authority::root("Company").unwrap();
        let renewed = root.cross_sign(Ca::named("Company"), &root).unwrap();
        let between = [(Uuid::nil(), read(&middle))];
        for (ca, between, below) in [
            (&root, &[][..], true),
            (&renewed, &[], true),
            (&middle, &[], true),
            (&clients, &between, true),
            // Nobody can say what it is below.
            (&clients, &[], false),
            (&namesake, &between, false),
        ] {
            let ca = read(ca);
            assert_eq!(is_below(&ca, &[read(&root)], between), below, "{}", ca.subject());
        }
    }
}
