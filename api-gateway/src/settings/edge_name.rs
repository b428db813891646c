//! Names of trusted edges: `dns:edge.internal`, `uri:spiffe://…`, `sha256:…`.

use rustls::pki_types::DnsName;

use super::EdgeName;

/// Reads one entry; the error is the text of a finding.
pub(super) fn parse(text: &str) -> Result<EdgeName, String> {
    match text.split_once(':') {
        Some(("dns", name)) => match DnsName::try_from(name) {
            Ok(name) => Ok(EdgeName::Dns(name.as_ref().to_ascii_lowercase())),
            Err(_) => Err(format!("`{text}` holds no DNS name; wildcards are not allowed")),
        },
        Some(("uri", uri)) => {
            let is_uri = uri
                .split_once(':')
                .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty())
                && uri.bytes().all(|byte| byte.is_ascii_graphic());
            if is_uri {
                Ok(EdgeName::Uri(uri.to_owned()))
            } else {
                Err(format!("`{text}` holds no URI"))
            }
        }
        Some(("sha256", digest)) => match sha256(digest) {
            Some(digest) => Ok(EdgeName::Sha256(digest)),
            None => Err(format!("`{text}` holds no SHA-256 digest: 64 hexadecimal digits")),
        },
        _ => Err(format!(
            "`{text}` names no edge; write dns:NAME, uri:URI or sha256:DIGEST"
        )),
    }
}

/// 64 hexadecimal digits, in any case, colons between octets allowed as openssl prints them.
fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| *byte != b':')
        .map(|byte| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let octets: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |octet, digit| octet << 4 | digit))
        .collect();
    if digits.len() == 64 {
        octets.try_into().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_named_in_three_ways() {
        let plain = "00ff".repeat(16);
        let colons = vec!["00:FF"; 16].join(":");
        let digest: [u8; 32] = std::array::from_fn(|at| if at % 2 == 0 { 0 } else { 255 });
        for (text, expected) in [
            (
                "dns:Edge.Internal".to_owned(),
                EdgeName::Dns("edge.internal".into()),
            ),
            (
                "uri:spiffe://a/Edge".to_owned(),
                EdgeName::Uri("spiffe://a/Edge".into()),
            ),
            (format!("sha256:{plain}"), EdgeName::Sha256(digest)),
            (format!("sha256:{colons}"), EdgeName::Sha256(digest)),
        ] {
            assert_eq!(parse(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_names_no_edge_is_refused() {
        let short = format!("sha256:{}", "0".repeat(63));
        let long = format!("sha256:{}", "0".repeat(66));
        for (text, expected) in [
            ("edge.internal", "names no edge"),
            ("*", "names no edge"),
            ("ip:10.0.0.1", "names no edge"),
            ("dns:", "holds no DNS name"),
            ("dns:*.internal", "holds no DNS name"),
            ("dns:a b", "holds no DNS name"),
            ("uri:edge", "holds no URI"),
            ("uri:spiffe://a b", "holds no URI"),
            ("sha256:xyz", "holds no SHA-256 digest"),
            (short.as_str(), "holds no SHA-256 digest"),
            (long.as_str(), "holds no SHA-256 digest"),
        ] {
            assert!(
                parse(text).is_err_and(|message| message.contains(expected)),
                "{text}"
            );
        }
    }
}
