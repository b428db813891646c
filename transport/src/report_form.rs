//! The forms in which `check` prints its report: lines for people, JSON for scripts, SARIF for whatever shows findings
//! beside the files that they are about.

use std::path::Path;

use clap::ValueEnum;

use crate::finding::{Report, Rule};
use crate::sarif;

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    /// One line a finding
    #[default]
    Text,
    /// An array of {severity, code, file, line, column, path, message, fix}
    Json,
    /// SARIF 2.1.0, for code scanning and editors
    Sarif,
}

/// What `check` is told about its output.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Arguments {
    /// How the findings are printed
    #[arg(long, value_enum, default_value_t, value_name = "text|json|sarif")]
    format: ReportForm,
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// The program that a report is of, for a reader who has nothing but the report.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The page of all codes, whole: it goes into a report that is read elsewhere.
    pub page: &'static str,
    /// Every code that it can say, in tables that it is made of.
    pub rules: &'static [&'static [Rule]],
}

impl Arguments {
    /// The whole output, without a line break at its end. Files below `directory` are named relative to it where the
    /// form wants that.
    pub fn print(self, report: &Report, tool: &Tool, directory: &Path) -> String {
        let form = if self.json { ReportForm::Json } else { self.format };
        match form {
            ReportForm::Text => report.to_string().trim_end().to_owned(),
            ReportForm::Json => format!("{:#}", report.json()),
            ReportForm::Sarif => format!("{:#}", sarif::log(report, tool, directory)),
        }
    }
}
