//! The list: every header by which some terminator tells a server about a client certificate.

use std::borrow::Cow;

/// Exact names, folded.
const NAMES: [&str; 15] = [
    "client-cert",
    "client-cert-chain",
    "x-client-cert",
    "x-client-cert-chain",
    "x-ssl-client-cert",
    "x-forwarded-client-cert",
    "x-forwarded-tls-client-cert",
    "x-forwarded-tls-client-cert-info",
    "ssl-client-cert",
    "ssl-client-verify",
    "ssl-client-subject-dn",
    "ssl-client-issuer-dn",
    "x-arr-clientcert",
    "cf-client-cert-der-base64",
    "cf-client-cert-sha256",
];

/// Beginnings, folded: AWS adds names under them.
const PREFIXES: [&str; 2] = ["x-amzn-mtls-", "cloudfront-viewer-cert-"];

/// Whether this name, or any spelling that a server might fold to it, is one by which terminators pass client certificates on.
///
/// ```
/// use transport::forwarded_cert::is_certificate_header;
///
/// assert!(is_certificate_header("X-Amzn-Mtls-Clientcert"));
/// assert!(is_certificate_header("x_amzn_mtls_clientcert"));
/// assert!(!is_certificate_header("x-request-id"));
/// ```
pub fn is_certificate_header(name: &str) -> bool {
    // Every request asks this of every header: nothing is allocated, and most names are told apart by their first
    // letter, the rest by their length.
    let may_be_listed = name.starts_with(['c', 'C', 's', 'S', 'x', 'X']);
    may_be_listed && is_listed(name)
}

fn is_listed(name: &str) -> bool {
    NAMES.iter().any(|listed| folds_to(name, listed))
        || PREFIXES.iter().any(|prefix| {
            name.get(..prefix.len())
                .is_some_and(|begin| folds_to(begin, prefix))
        })
}

/// Whether a name is a spelling of `folded`, which is in the form that [`fold`] gives.
pub fn folds_to(name: &str, folded: &str) -> bool {
    name.len() == folded.len()
        && name
            .bytes()
            .zip(folded.bytes())
            .all(|(octet, wanted)| folded_octet(octet) == wanted)
}

fn folded_octet(octet: u8) -> u8 {
    match octet {
        b'_' | b'.' | b' ' => b'-',
        other => other.to_ascii_lowercase(),
    }
}

/// The spelling that all spellings of a name share: ASCII lower case, with `-` for `_`, `.` and space (CGI, WSGI and servlet
/// containers read `X_Client_Cert` and `X-Client-Cert` into one variable).
pub fn fold(name: &str) -> Cow<'_, str> {
    let is_folded = |octet: u8| !octet.is_ascii_uppercase() && !matches!(octet, b'_' | b'.' | b' ');
    if name.bytes().all(is_folded) {
        return Cow::Borrowed(name);
    }
    let folded = name.chars().map(|letter| match letter {
        '_' | '.' | ' ' => '-',
        other => other.to_ascii_lowercase(),
    });
    Cow::Owned(folded.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_listed_name_is_listed() {
        let listed = [
            "X-Amzn-Mtls-Clientcert",
            "X-Amzn-Mtls-Clientcert-Leaf",
            "x-amzn-mtls-anything-new",
            "Client-Cert",
            "Client-Cert-Chain",
            "X-Client-Cert",
            "X-Client-Cert-Chain",
            "X-SSL-Client-Cert",
            "X-Forwarded-Client-Cert",
            "X-Forwarded-Tls-Client-Cert",
            "X-Forwarded-Tls-Client-Cert-Info",
            "ssl-client-cert",
            "ssl-client-verify",
            "ssl-client-subject-dn",
            "ssl-client-issuer-dn",
            "X-ARR-ClientCert",
            "Cf-Client-Cert-Der-Base64",
            "Cf-Client-Cert-Sha256",
            "CloudFront-Viewer-Cert-Pem",
        ];
        for name in listed {
            let spellings = [
                name.to_owned(),
                name.to_uppercase(),
                name.replace('-', "_"),
                name.replacen('-', ".", 1),
                name.replacen('-', " ", 2),
            ];
            for spelling in spellings {
                assert!(is_certificate_header(&spelling), "{spelling}");
            }
        }
    }

    #[test]
    fn neighbours_are_not_listed() {
        for name in [
            "x-amzn-trace-id",
            "x-amzn-mtls",
            "x-client-certificate",
            "client",
            "cloudfront-viewer-country",
            "x-forwarded-for",
            "",
        ] {
            assert!(!is_certificate_header(name), "{name}");
        }
    }

    #[test]
    fn folded_names_cost_no_copy() {
        assert!(matches!(fold("x-client-cert"), Cow::Borrowed(_)));
        assert_eq!(fold("X_Client.Cert A"), "x-client-cert-a");
        assert_eq!(fold("É_é"), "É-é");
    }
}
