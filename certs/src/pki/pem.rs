//! PEM as OpenSSL writes it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Wraps DER in PEM: 64 columns, LF line ends, a final newline. `label` is `CERTIFICATE`, `X509 CRL`, …
pub fn pem_block(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII: every index is a character boundary.
        let (line, next) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = next;
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}

#[cfg(test)]
mod tests {
    use super::pem_block;

    #[test]
    fn lines_have_64_columns() {
        let text = pem_block("CERTIFICATE", &[0; 97]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "-----BEGIN CERTIFICATE-----");
        assert_eq!(
            lines[1..lines.len() - 1]
                .iter()
                .map(|line| line.len())
                .collect::<Vec<_>>(),
            [64, 64, 4]
        );
        assert!(text.ends_with("-----END CERTIFICATE-----\n"));
    }
}
