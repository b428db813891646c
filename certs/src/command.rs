//! The command line: arguments in, text and an exit code out.

mod arguments;
mod header;
mod inspect;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use thiserror::Error;
use transport::certificate_error::CertificateError;
use transport::forwarded_cert::{DecodeError, EncodeError};
use transport::pem::PemError;
use transport::telemetry::{self, LogFormat};

use crate::tree::{self, Change, Existing, IssueRequest, Store, TreeError};
use arguments::{Action, Arguments, HeaderAction};

/// Runs one command; everything but errors and logs goes to `out`. 0 ok, 1 failed, 2 not understood.
pub fn main(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    out: &mut dyn Write,
) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody is left to be told if stderr is gone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let format = arguments.log_format;
    // A second start in one process (a test) logs as the first one said.
    let _ = telemetry::init(format);
    match run(arguments.action, out) {
        Ok(()) => ExitCode::SUCCESS,
        // `certs inspect … | head`: the reader has enough.
        Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error, format);
            ExitCode::FAILURE
        }
    }
}

/// Why a command failed.
#[derive(Debug, Error)]
enum CommandError {
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("cannot read {source_name}: {error}")]
    Read { source_name: String, error: io::Error },
    #[error("{source_name}: {problem}")]
    Unreadable { source_name: String, problem: String },
    #[error("{source_name}: {error}")]
    Certificate {
        source_name: String,
        error: CertificateError,
    },
    #[error("{source_name}: {error}")]
    Encode { source_name: String, error: EncodeError },
    #[error("{source_name}: {error}; see `certs header decode --help` for the formats")]
    Decode { source_name: String, error: DecodeError },
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

fn run(action: Action, out: &mut dyn Write) -> Result<(), CommandError> {
    match action {
        Action::Init { dir, force } => init(
            &dir,
            if force {
                Existing::Replace
            } else {
                Existing::Refuse
            },
            out,
        ),
        Action::Issue(arguments) => {
            let (dir, request) = arguments.into_request();
            issue(&dir, request, out)
        }
        Action::Revoke { dir, name } => revoke(&dir, &name, out),
        Action::Inspect { file, json } => {
            let found = inspect::read(&file)?;
            if json {
                inspect::write_json(&found, out)
            } else {
                inspect::write_text(&found, out)
            }
        }
        Action::Header {
            action: HeaderAction::Encode { format, file },
        } => header::encode(format, file.as_deref(), out),
        Action::Header {
            action: HeaderAction::Decode { format, file },
        } => header::decode(format, file.as_deref(), out),
        Action::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "certs", &mut OutputOnly(out));
            Ok(())
        }
    }
}

fn init(dir: &Path, existing: Existing, out: &mut dyn Write) -> Result<(), CommandError> {
    let made = tree::init(dir, existing)?;
    writeln!(out, "{}: {} files", dir.display(), made.files.len())?;
    let in_dir = |name: &str| dir.join(name).display().to_string();
    for (file, meaning) in [
        ("ca/clients.pem", "whom to trust as a client"),
        (
            "ca/internal.pem",
            "whom edge, gateway and upstream trust among themselves",
        ),
        ("crl", "what the authorities took back"),
        ("clients/alice.p12", "for a browser, with the password changeit"),
    ] {
        writeln!(out, "  {:<28} {meaning}", in_dir(file))?;
    }
    if !made.orphans.is_empty() {
        tracing::warn!(
            files = %list(&made.orphans),
            "these lie beside the new PKI, made by authorities that are no more; issue them again or remove them"
        );
    }
    Ok(())
}

fn issue(dir: &Path, request: IssueRequest, out: &mut dyn Write) -> Result<(), CommandError> {
    let (issued, files) = Store::open(dir)?.issue(request)?;
    writeln!(out, "issued {}", issued.serial())?;
    for file in files {
        writeln!(out, "  {}", dir.join(file).display())?;
    }
    Ok(())
}

fn revoke(dir: &Path, name: &str, out: &mut dyn Write) -> Result<(), CommandError> {
    let revoked = Store::open(dir)?.revoke(name)?;
    let (serial, list) = (&revoked.serial, revoked.file.display());
    match revoked.change {
        Change::Added(number) => writeln!(out, "revoked {serial}: {list} is number {number} now")?,
        Change::AlreadyListed => writeln!(out, "{serial} was revoked before: {list} is unchanged")?,
    }
    Ok(())
}

fn list(files: &[PathBuf]) -> String {
    files
        .iter()
        .map(|file| file.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// One line a failure: for people as clap words its own, for collectors as a log line.
fn tell(error: &CommandError, format: LogFormat) {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    // Transparent errors and those that quote their source would say things twice.
    let mut text = error.to_string();
    for cause in causes.map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    match format {
        LogFormat::Text => {
            // Nobody is left to be told if stderr is gone.
            let _ = writeln!(io::stderr(), "error: {text}");
        }
        LogFormat::Json => tracing::error!("{text}"),
    }
}

/// A writer for generators that panic when it fails: what cannot be written is dropped.
struct OutputOnly<'a>(&'a mut dyn Write);

impl Write for OutputOnly<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
