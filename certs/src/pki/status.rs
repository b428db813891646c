//! What an authority says of a certificate when it is asked: OCSP (RFC 6960).

use rcgen::SigningKey as _;
use time::OffsetDateTime;

use super::{Authority, PkiError, Validity, der};

/// The status of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not taken back.
    Good,
    /// Taken back, a day ago.
    Revoked,
    /// Nothing is known of it.
    Unknown,
}

/// The description of an OCSP response: by default good, from an hour ago, for a week.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    standing: Standing,
    window: Validity,
}

impl Status {
    /// For a week.
    pub fn new(standing: Standing) -> Self {
        Self {
            standing,
            window: Validity::days(7),
        }
    }

    /// Its thisUpdate and nextUpdate.
    #[must_use]
    pub fn valid(mut self, window: Validity) -> Self {
        self.window = window;
        self
    }
}

const ECDSA_WITH_SHA256: &[u64] = &[1, 2, 840, 10_045, 4, 3, 2];
const BASIC_RESPONSE: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 1];
const GENERALIZED_TIME: u8 = 0x18;
const BIT_STRING: u8 = 0x03;
const SUCCESSFUL: &[u8] = &[0x0a, 1, 0];

impl Authority {
    /// Its response, in DER, to a request about one certificate: it is about whatever the request asks for, and signed by
    /// this authority's key, which must be of P-256, as it is where nothing else is asked for.
    pub fn answer(&self, request: &[u8], status: &Status) -> Result<Vec<u8>, PkiError> {
        let id = certificate_asked_for(request).ok_or(PkiError::Malformed("OCSP request"))?;
        let Validity {
            not_before,
            not_after,
        } = status.window;
        let standing = match status.standing {
            Standing::Good => der::write(0x80, &[]),
            Standing::Revoked => der::write(0xa1, &moment(not_before - time::Duration::DAY)),
            Standing::Unknown => der::write(0x82, &[]),
        };
        let single = [
            id.to_vec(),
            standing,
            moment(not_before),
            der::write(0xa0, &moment(not_after)),
        ];
        let data = [
            der::write(0xa1, self.subject_der()),
            moment(not_before),
            der::write(der::SEQUENCE, &der::write(der::SEQUENCE, &single.concat())),
        ];
        let data = der::write(der::SEQUENCE, &data.concat());
        let signature = self.key_pair().sign(&data).map_err(PkiError::Key)?;
        let basic = [
            data,
            der::write(der::SEQUENCE, &der::object_identifier(ECDSA_WITH_SHA256)),
            der::write(BIT_STRING, &[&[0], signature.as_slice()].concat()),
        ];
        let basic = der::write(der::SEQUENCE, &basic.concat());
        let bytes = [
            der::object_identifier(BASIC_RESPONSE),
            der::write(der::OCTET_STRING, &basic),
        ];
        let bytes = der::write(0xa0, &der::write(der::SEQUENCE, &bytes.concat()));
        Ok(der::write(der::SEQUENCE, &[SUCCESSFUL, &bytes].concat()))
    }
}

/// The CertID of the first request: OCSPRequest, TBSRequest, requestList, Request, CertID.
fn certificate_asked_for(request: &[u8]) -> Option<&[u8]> {
    let (request, _) = der::element(request)?;
    let (to_be_signed, _) = der::element(request.content)?;
    let fields = der::elements(to_be_signed.content)?;
    let list = fields.into_iter().find(|field| field.tag == der::SEQUENCE)?;
    let (first, _) = der::element(list.content)?;
    Some(der::element(first.content)?.0.whole)
}

fn moment(at: OffsetDateTime) -> Vec<u8> {
    let text = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    der::write(GENERALIZED_TIME, text.as_bytes())
}
