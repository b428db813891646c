//! Certificates as header values and back, through the codecs that the doors use.

use std::fs;
use std::io::{self, Read as _, Write};
use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use transport::forwarded_cert::{
    HeaderFormat, alb_passthrough, decode as decode_value, decode_rfc9440, rfc9440,
};
use transport::pem;
use transport::presented::PresentedChain;

use super::{CommandError, arguments::Format};
use crate::pki::pem_block;

/// As much as is ever read: two values and their line ends are less.
const LARGEST_INPUT: u64 = 1024 * 1024;

pub(super) fn encode(format: Format, file: Option<&Path>, out: &mut dyn Write) -> Result<(), CommandError> {
    let (input, source_name) = read(file)?;
    let certificates = pem::certificates_in(&input, &source_name)?;
    let chain = PresentedChain::new(certificates).map_err(|error| CommandError::Certificate {
        source_name: source_name.clone(),
        error,
    })?;
    let failed = |error| CommandError::Encode {
        source_name: source_name.clone(),
        error,
    };
    match format {
        Format::Alb => line(alb_passthrough(&chain).map_err(failed)?.as_bytes(), out),
        Format::Base64 => line(STANDARD.encode(chain.leaf()).as_bytes(), out),
        Format::Rfc9440 => {
            let (leaf, rest) = rfc9440(&chain).map_err(failed)?;
            line(leaf.as_bytes(), out)?;
            rest.map_or(Ok(()), |rest| line(rest.as_bytes(), out))
        }
    }
}

pub(super) fn decode(format: Format, file: Option<&Path>, out: &mut dyn Write) -> Result<(), CommandError> {
    let (input, source_name) = read(file)?;
    let value = without_line_end(&input);
    let decoded = match format {
        Format::Alb => decode_value(HeaderFormat::UrlEncoded, value),
        Format::Base64 => decode_value(HeaderFormat::Base64, value),
        Format::Rfc9440 => match value.iter().position(|octet| *octet == b'\n') {
            Some(end) => {
                let (leaf, rest) = value.split_at(end);
                decode_rfc9440(without_line_end(leaf), rest.get(1..))
            }
            None => decode_rfc9440(value, None),
        },
    };
    let chain = decoded.map_err(|error| CommandError::Decode { source_name, error })?;
    for certificate in chain.all() {
        out.write_all(pem_block("CERTIFICATE", certificate).as_bytes())?;
    }
    Ok(())
}

fn read(file: Option<&Path>) -> Result<(Vec<u8>, String), CommandError> {
    let source_name = file.map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
    let mut input = Vec::new();
    let result = match file {
        Some(path) => fs::File::open(path).and_then(|file| file.take(LARGEST_INPUT).read_to_end(&mut input)),
        None => io::stdin().lock().take(LARGEST_INPUT).read_to_end(&mut input),
    };
    match result {
        Ok(_) => Ok((input, source_name)),
        Err(error) => Err(CommandError::Read { source_name, error }),
    }
}

fn line(value: &[u8], out: &mut dyn Write) -> Result<(), CommandError> {
    out.write_all(value)?;
    Ok(out.write_all(b"\n")?)
}

/// One line end, which an editor or a shell adds to a value.
fn without_line_end(value: &[u8]) -> &[u8] {
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    value.strip_suffix(b"\r").unwrap_or(value)
}
