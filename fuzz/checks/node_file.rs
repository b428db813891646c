//! The node file, in kong.conf's form and as TOML, and the environment: settings or reasons, one for each thing wrong.

use std::path::PathBuf;
use std::sync::OnceLock;

use api_gateway::settings::Settings;
use tempfile::TempDir;
use transport::finding::Report;

/// The octets are the file in both forms; each of their lines is a variable as well.
pub(crate) fn check(octets: &[u8]) {
    for name in ["kong.conf", "gateway.toml"] {
        let file = place(name);
        std::fs::write(&file, octets).expect("a file can be written");
        let (settings, report) = Settings::load(Some(&file), &[]);
        assert!(
            settings.is_some() || report.has_errors(),
            "{name}: nothing, and no reason"
        );
        judge(&report, octets.len());
    }
    let text = String::from_utf8_lossy(octets);
    let environment: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .flat_map(|(name, value)| {
            let name = name.trim().to_ascii_uppercase();
            ["KONG_", "API_GATEWAY_"].map(|prefix| (format!("{prefix}{name}"), value.to_owned()))
        })
        .collect();
    let (settings, report) = Settings::load(None, &environment);
    assert!(settings.is_some(), "without a file there are settings: {report}");
    judge(&report, 2 * octets.len());
}

fn place(name: &str) -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder can be made"));
    folder.path().join(name)
}

/// What a whole set of settings can have wrong with it whatever is in the file: keys that need each other.
const OF_NO_LINE: usize = 16;

fn judge(report: &Report, octets: usize) {
    let findings = report.iter().count();
    assert!(
        findings <= octets + OF_NO_LINE,
        "{octets} octets, {findings} findings"
    );
    let mut printed = 0;
    for finding in report {
        let line = finding.to_string();
        assert!(!line.contains(char::is_control), "{line:?}");
        printed += finding.message.len();
    }
    // A key is told in its finding, and again as `first at`: by place, not by its text.
    assert!(
        printed <= 16 * octets + 400 * (findings + 1),
        "{octets} octets, {printed} octets of messages"
    );
}
