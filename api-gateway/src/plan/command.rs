//! `api-gateway plan OLD NEW`, but for printing.

use std::path::PathBuf;

use clap::Args;
use rustls::pki_types::UnixTime;
use serde_json::{Value, json};
use transport::finding::{Finding, Origin, Report, Severity};

use super::{Plan, PlanError, Progress, Side, Unseen};
use crate::load::Inputs;

/// Whose word counts about certificates in headers where no node file says it: an address for documentation (RFC 5737).
const CARRIER: &str = "192.0.2.1";

/// What a node is like where no file says it. Upstreams are not reached by a plan, so nothing is asked of their trust.
const ASSUMED: [(&str, &str); 2] = [
    ("KONG_TRUSTED_IPS", CARRIER),
    ("KONG_TLS_CERTIFICATE_VERIFY", "off"),
];

/// What stands on the command line.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The declarative document that is in force, YAML or JSON
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The one that is to be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// The node file for both; its own `declarative_config` is not read. Without one, a node is assumed behind a carrier
    /// that may bring certificates in headers, with listeners for http and https and without revocation lists
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The node file of the old document, where the node changes too
    #[arg(long, value_name = "FILE", requires = "new_config", conflicts_with = "config")]
    old_config: Option<PathBuf>,
    /// The node file of the new document
    #[arg(long, value_name = "FILE", requires = "old_config")]
    new_config: Option<PathBuf>,
    /// Exit with 0 although somebody gains
    #[arg(long)]
    allow_gains: bool,
    /// Print {"old", "new", "assumed_node", "compared", "changes", "unseen"}, with everybody and every route
    #[arg(long)]
    json: bool,
}

/// What came of it.
#[derive(Debug)]
pub enum Planned {
    /// A document, or its node file, has errors.
    Refused(Report),
    /// What to print, and whether the exit code is to say that somebody gains.
    Compared {
        /// For standard output.
        text: String,
        /// Somebody gains, and that was not allowed.
        is_unwanted: bool,
    },
}

impl Arguments {
    /// Compares.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn plan(&self, environment: &[(String, String)]) -> Result<Planned, PlanError> {
        let nodes = [
            self.old_config.as_ref().or(self.config.as_ref()),
            self.new_config.as_ref().or(self.config.as_ref()),
        ];
        let mut progress = Progress::told();
        let mut sides = Vec::with_capacity(2);
        for ((document, node), generation) in [&self.old, &self.new].into_iter().zip(nodes).zip(1..) {
            let inputs = Inputs {
                file: node.cloned(),
                environment: match node {
                    Some(_) => environment.to_vec(),
                    None => ASSUMED
                        .map(|(name, value)| (name.to_owned(), value.to_owned()))
                        .to_vec(),
                },
            };
            let (side, report) = Side::load(&inputs, generation, Some(document));
            let Some(side) = side else {
                return Ok(Planned::Refused(match node {
                    Some(_) => report,
                    None => of_documents(&report),
                }));
            };
            sides.push(side);
            progress.step(sides.len(), 2, "documents read");
        }
        let Ok(sides) = <[Side; 2]>::try_from(sides) else {
            return Ok(Planned::Refused(Report::default()));
        };
        let plan = Plan::between(&sides, UnixTime::now(), &mut progress)?;
        let is_assumed = nodes.contains(&None);
        let text = if self.json {
            format!("{:#}", self.json(&plan, is_assumed))
        } else {
            self.text(&plan, is_assumed)
        };
        Ok(Planned::Compared {
            text,
            is_unwanted: plan.has_gains() && !self.allow_gains,
        })
    }

    fn json(&self, plan: &Plan, is_assumed: bool) -> Value {
        json!({
            "old": self.old.display().to_string(),
            "new": self.new.display().to_string(),
            "assumed_node": is_assumed,
            "compared": plan.compared,
            "changes": plan.json(),
            "unseen": plan.unseen.iter().map(Unseen::json).collect::<Value>(),
        })
    }

    fn text(&self, plan: &Plan, is_assumed: bool) -> String {
        let (old, new) = (self.old.display(), self.new.display());
        let node = if is_assumed {
            "no --config: as on a gateway behind a carrier that may bring certificates in headers\n"
        } else {
            ""
        };
        format!("{old} → {new}\n{node}\n{plan}")
    }
}

/// Nobody wrote the node that is assumed: what it is warned of is nobody's to mend.
fn of_documents(report: &Report) -> Report {
    let is_wanted = |finding: &&Finding| {
        finding.severity == Severity::Error
            || matches!(finding.origin, Origin::File { .. } | Origin::Whole(_))
    };
    let mut kept = Report::new();
    kept.extend(report.iter().filter(is_wanted).cloned());
    kept
}
