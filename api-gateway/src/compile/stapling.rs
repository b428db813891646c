//! OCSP answers for the certificates that clients are shown: from files, and from the responders that they name.

use rustls::pki_types::UnixTime;
use transport::finding::Finding;
use transport::regular_file;
use transport::server_tls::CertificateChooser;
use transport::stapling::Fetching;

use super::Compilation;
use crate::settings::Stapling;

/// Staples what there is, and tells what is to be fetched; `None` if a file cannot be read.
pub(super) fn compile(compilation: &Compilation<'_>, chooser: &mut CertificateChooser) -> Option<Fetching> {
    from_files(compilation, chooser)?;
    let settings = compilation.settings();
    let mut fetching = Fetching {
        staples: Vec::new(),
        allowed: settings.revocation_allowed_hosts.clone(),
    };
    let has_clients = settings
        .proxy_listen
        .iter()
        .any(|listen| listen.protocol.is_tls());
    if !has_clients {
        return Some(fetching);
    }
    match settings.ssl_stapling {
        Stapling::FromFiles => {}
        Stapling::Fetched => {
            for (subject, why) in chooser.fetch_staples(&mut fetching.staples) {
                let message = format!("no OCSP answer can be fetched for `{subject}`: {why}");
                warn(compilation, "not-stapled", "ssl_stapling", message);
            }
        }
    }
    for subject in chooser.without_their_staple() {
        let message = format!(
            "the certificate of `{subject}` tells clients to insist on a stapled OCSP answer (must staple), and there is none: such clients will refuse it; set ssl_stapling = on, or name a response in ssl_stapling_file"
        );
        warn(compilation, "must-staple", "ssl_stapling", message);
    }
    Some(fetching)
}

/// Puts the responses of `ssl_stapling_file` on the certificates that they are about. One that cannot be shown is warned
/// of: clients do without, and a wrong one would stop them.
fn from_files(compilation: &Compilation<'_>, chooser: &mut CertificateChooser) -> Option<()> {
    let mut complete = true;
    for (index, file) in compilation.settings().ssl_stapling_file.iter().enumerate() {
        let path = format!("ssl_stapling_file[{index}]");
        let file_name = file.display();
        match regular_file::read(file) {
            Ok(response) => {
                if let Err(problem) = chooser.staple(&response, UnixTime::now()) {
                    let message = format!("{file_name} is not stapled: {problem}");
                    warn(compilation, "not-stapled", &path, message);
                }
            }
            Err(error) => {
                complete = false;
                let message = format!("cannot read {file_name}: {error}");
                compilation.node_error("unreadable-file", &path, message);
            }
        }
    }
    complete.then_some(())
}

fn warn(compilation: &Compilation<'_>, code: &'static str, path: &str, message: String) {
    let origin = compilation.node.origin(path);
    compilation.report(Finding::warning(code, origin, path, message));
}
