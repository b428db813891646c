//! rcgen lays a certificate or a list out; here what rcgen cannot express is edited in, and then it is signed.

use std::sync::Arc;

use rcgen::{Error, KeyPair, PublicKeyData, SignatureAlgorithm, SigningKey};

use super::{PkiError, contents::Version, der};

/// Signs nothing: rcgen's layout is edited before it is worth a signature.
pub(crate) struct Unsigned<'a>(pub(crate) &'a Arc<KeyPair>);

impl PublicKeyData for Unsigned<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for Unsigned<'_> {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

/// What a certificate says beyond rcgen's layout of it.
pub(crate) struct CertificateEdits<'a> {
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    /// Another public key than the one laid out.
    pub(crate) public_key: Option<&'a [u8]>,
    pub(crate) version: Version,
}

/// The signed certificate that rcgen's layout and the edits make.
pub(crate) fn certificate(
    layout: &[u8],
    edits: &CertificateEdits<'_>,
    key: &KeyPair,
) -> Result<Vec<u8>, PkiError> {
    let malformed = || PkiError::Malformed("certificate layout");
    let (to_be_signed, algorithm) = halves(layout).ok_or_else(malformed)?;
    // [0] version, serial, algorithm, issuer, validity, subject, public key, [3] extensions
    let fields = der::elements(to_be_signed).ok_or_else(malformed)?;
    let [
        version,
        serial,
        signature,
        _,
        validity,
        _,
        public_key,
        extensions @ ..,
    ] = fields.as_slice()
    else {
        return Err(malformed());
    };
    let mut body = Vec::with_capacity(to_be_signed.len() + 256);
    if edits.version == Version::V3 {
        body.extend_from_slice(version.whole);
    }
    for field in [
        serial.whole,
        signature.whole,
        edits.issuer,
        validity.whole,
        edits.subject,
    ] {
        body.extend_from_slice(field);
    }
    body.extend_from_slice(edits.public_key.unwrap_or(public_key.whole));
    if edits.version == Version::V3 {
        for extension in extensions {
            body.extend_from_slice(extension.whole);
        }
    }
    sign(&body, algorithm, key)
}

/// What a revocation list says beyond rcgen's layout of it.
pub(crate) struct ListEdits<'a> {
    pub(crate) issuer: &'a [u8],
    /// Extensions in DER, appended.
    pub(crate) extensions: &'a [Vec<u8>],
}

/// The signed list that rcgen's layout and the edits make.
pub(crate) fn list(layout: &[u8], edits: &ListEdits<'_>, key: &KeyPair) -> Result<Vec<u8>, PkiError> {
    let malformed = || PkiError::Malformed("revocation list layout");
    let (to_be_signed, algorithm) = halves(layout).ok_or_else(malformed)?;
    // version, algorithm, issuer, thisUpdate, nextUpdate, entries if any, [0] extensions
    let fields = der::elements(to_be_signed).ok_or_else(malformed)?;
    let [version, signature, _, middle @ .., extensions] = fields.as_slice() else {
        return Err(malformed());
    };
    let mut body = [version.whole, signature.whole, edits.issuer].concat();
    for field in middle {
        body.extend_from_slice(field.whole);
    }
    let (listed, _) = der::element(extensions.content).ok_or_else(malformed)?;
    let all = [listed.content, &edits.extensions.concat()].concat();
    body.extend(der::write(extensions.tag, &der::write(der::SEQUENCE, &all)));
    sign(&body, algorithm, key)
}

/// The content of the part to be signed, and the whole of the algorithm.
fn halves(layout: &[u8]) -> Option<(&[u8], &[u8])> {
    let (outer, _) = der::element(layout)?;
    match der::elements(outer.content)?.as_slice() {
        [to_be_signed, algorithm, _] => Some((to_be_signed.content, algorithm.whole)),
        _ => None,
    }
}

fn sign(body: &[u8], algorithm: &[u8], key: &KeyPair) -> Result<Vec<u8>, PkiError> {
    let to_be_signed = der::write(der::SEQUENCE, body);
    let signature = key.sign(&to_be_signed).map_err(PkiError::Key)?;
    // A BIT STRING begins with the number of unused bits.
    let signature = der::write(0x03, &[&[0], signature.as_slice()].concat());
    Ok(der::write(
        der::SEQUENCE,
        &[to_be_signed.as_slice(), algorithm, &signature].concat(),
    ))
}
