//! Certificates in the document: what they must be, and that keys stay unseen.

use super::{CA_ID, PKI, ca_entry, document, findings, quoted};

fn of(text: &str) -> Vec<String> {
    findings(&format!("_format_version: '3.0'\n{text}"))
}

#[test]
fn a_ca_is_one_certificate_that_is_a_ca_and_has_not_expired() {
    let root = PKI.root.pem();
    for (pem, expected) in [
        (root.clone(), None),
        (
            format!("{root}{}", PKI.other.pem()),
            Some("please submit only one certificate at a time"),
        ),
        (
            PKI.expired.pem(),
            Some("certificate expired, \"Not After\" time is in the past"),
        ),
        (
            PKI.server.certificate_pem(),
            Some("certificate does not appear to be a CA because it is missing the \"CA\" basic constraint"),
        ),
        (
            "not PEM".to_owned(),
            Some("invalid certificate: the text holds no certificate"),
        ),
        (
            root.replacen("MI", "!!", 1),
            Some(
                "invalid certificate: the text is not usable PEM: a section has no end, or its base64 is broken",
            ),
        ),
    ] {
        let found = of(&format!("ca_certificates: [{{cert: {}}}]", quoted(&pem)));
        let found: Vec<&str> = found
            .iter()
            .map(|line| line.split_once("]: cert: ").unwrap().1)
            .collect();
        assert_eq!(found, Vec::from_iter(expected));
    }
}

#[test]
fn a_ca_is_declared_once_whatever_its_id() {
    let text = format!(
        "{}- {{cert: {}}}",
        ca_entry().replace("[{", "\n- {").replace("}]", "}"),
        quoted(&PKI.root.pem())
    );
    let found = of(&text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("'ca_certificates' entity with cert_digest set to"),
        "{found:#?}"
    );
    let document = document(&format!("_format_version: '3.0'\n{}", ca_entry()));
    assert_eq!(document.ca_certificates[0].id.to_string(), CA_ID);
    assert_eq!(
        document.ca_certificates[0].certificate.value,
        *PKI.root.certificate()
    );
}

#[test]
fn a_block_scalar_holds_pem_too() {
    let indented = PKI.root.pem().replace('\n', "\n    ");
    let document = document(&format!(
        "_format_version: '3.0'\nca_certificates:\n- cert: |\n    {indented}"
    ));
    assert_eq!(
        document.ca_certificates[0].certificate.value,
        *PKI.root.certificate()
    );
}

#[test]
fn a_key_belongs_to_its_certificate() {
    let pki = &*PKI;
    let (cert, key) = (quoted(&pki.server.chain_pem()), quoted(&pki.server.key_pem()));
    let (rsa, rsa_key) = (quoted(&pki.rsa.chain_pem()), quoted(&pki.rsa.key_pem()));
    for (fields, expected) in [
        (
            format!("cert: {cert}, key: {key}, snis: [a.test, {{name: '*.b.test'}}]"),
            vec![],
        ),
        (
            format!("cert: {cert}, key: {key}, cert_alt: {rsa}, key_alt: {rsa_key}"),
            vec![],
        ),
        (
            format!("cert: {cert}, key: {rsa_key}"),
            vec!["cert: certificate does not match key"],
        ),
        (
            format!("cert: {cert}, key: {key}, cert_alt: {rsa}, key_alt: {key}"),
            vec!["cert_alt: alternative certificate does not match key"],
        ),
        (
            format!("cert: {cert}, key: {key}, cert_alt: {cert}, key_alt: {key}"),
            vec![
                "cert_alt: certificate and alternative certificate need to have different type (e.g. RSA and ECDSA)",
            ],
        ),
        (
            format!("cert: {cert}, key: {key}, key_alt: {key}"),
            vec!["all or none of these fields must be set: 'cert_alt', 'key_alt'"],
        ),
        (format!("cert: {cert}"), vec!["key: required field missing"]),
        (
            format!("cert: {cert}, key: nonsense"),
            vec!["key: invalid key: the text holds no private key"],
        ),
        (format!("cert: {cert}, key: '{{vault://env/key}}'"), vec![]),
        ("cert: '{vault://env/cert}', key: 'env:KEY'".to_owned(), vec![]),
        (
            format!("cert: {cert}, key: '{{vault://hcv/key}}'"),
            vec!["key: vault references other than {vault://env/NAME} are not supported"],
        ),
        (
            "cert: 'env:CERT', key: 'env:a b'".to_owned(),
            vec![
                "cert: invalid certificate: the text holds no certificate",
                "key: the reference names no environment variable behind env:; a name has letters, digits and `_`",
            ],
        ),
        (
            format!("cert: {cert}, key: 'PKCS11:object=a?module-path=/tmp/evil.so&pin-value=1'"),
            vec![
                "key: `module-path` would load a library into the gateway, which a document may not do; write module-name=NAME, for a PKCS#11 module that is installed on this machine",
            ],
        ),
    ] {
        let found = of(&format!("certificates: [{{{fields}}}]"));
        let found: Vec<&str> = found
            .iter()
            .map(|line| line.split_once("]: ").unwrap().1)
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn snis_are_names_of_one_certificate() {
    let pair = format!(
        "cert: {}, key: {}",
        quoted(&PKI.server.chain_pem()),
        quoted(&PKI.server.key_pem())
    );
    let nested = document(&format!(
        "_format_version: '3.0'\ncertificates: [{{{pair}, snis: [a.test, {{name: '*'}}]}}]"
    ));
    let names: Vec<&str> = nested.snis.iter().map(|sni| sni.name.value.as_str()).collect();
    assert_eq!(names, ["a.test", "*"]);
    assert!(
        nested
            .snis
            .iter()
            .all(|sni| sni.certificate == nested.certificates[0].id)
    );

    let id = "aaaaaaaa-0000-4000-8000-000000000005";
    let flat = |snis: &str| of(&format!("certificates: [{{id: {id}, {pair}}}]\nsnis:\n{snis}"));
    assert_eq!(
        flat(&format!(
            "- {{name: a.test, certificate: {id}}}\n- {{name: b.test, certificate: {{id: {id}}}}}"
        )),
        [""; 0]
    );
    for (name, expected) in [
        ("1.2.3.4", "must not be an IP"),
        ("a.test:80", "must not have a port"),
        ("a.*.test", "wildcard must be leftmost or rightmost character"),
        ("*.a.*", "only one wildcard must be specified"),
        ("a b", "invalid value: a b"),
    ] {
        let found = flat(&format!("- {{name: '{name}', certificate: {id}}}"));
        assert_eq!(
            found,
            [format!("k.yaml:4:10: error[invalid-value]: name: {expected}")]
        );
    }
    assert_eq!(
        flat("- a.test\n- {name: b.test}"),
        [
            "k.yaml:4:3: error[required-field-missing]: certificate: required field missing",
            "k.yaml:5:3: error[required-field-missing]: certificate: required field missing",
        ]
    );
    let found = of(&format!("certificates: [{{{pair}, snis: [a.test, a.test]}}]"));
    assert!(
        found[0].contains("'snis' entity with name set to 'a.test' already declared"),
        "{found:#?}"
    );
}

#[test]
fn neither_document_nor_findings_show_a_key() {
    let pki = &*PKI;
    let text = format!(
        "_format_version: '3.0'\ncertificates: [{{cert: {}, key: {}}}]",
        quoted(&pki.server.chain_pem()),
        quoted(&pki.server.key_pem())
    );
    let secret = pki.server.key_pem().lines().nth(1).unwrap().to_owned();
    assert!(text.contains(&secret));
    assert!(!format!("{:?}", document(&text)).contains(&secret));
    let broken = text.replace("PRIVATE KEY-----\\n", "PRIVATE KEY-----\\n!");
    assert!(!findings(&broken).concat().contains(&secret));
    let swapped = text.replace("cert: ", "kye: ").replace("key: ", "id: ");
    assert!(!findings(&swapped).concat().contains(&secret));
    let as_name = format!(
        "_format_version: '3.0'\nservices: [{{name: {}, host: h}}]",
        quoted(&pki.server.key_pem())
    );
    assert!(!findings(&as_name).concat().contains(&secret));
    let misplaced = text.replace("key: ", "kei: ");
    assert!(!findings(&misplaced).concat().contains(&secret));
}
