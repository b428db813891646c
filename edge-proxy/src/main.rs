//! `edge-proxy`: arguments in, exit code out.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use edge_proxy::edge::Control;
use edge_proxy::settings::Settings;
use edge_proxy::{Edge, Plan, compile};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};
use transport::doctor;
use transport::finding::{Report, Severity};
use transport::layers::Loaded;
use transport::probe;
use transport::report_form;
use transport::telemetry::{self, LogFormat};

/// The outer door: terminates TLS as an AWS Application Load Balancer does, and originates it again, with mutual TLS,
/// to its targets.
#[derive(Debug, Parser)]
#[command(version, after_long_help = EXAMPLES, arg_required_else_help = true)]
struct Arguments {
    /// How log lines on stderr look. RUST_LOG chooses which there are.
    #[arg(
        long,
        global = true,
        value_name = "text|json",
        default_value_t,
        hide_default_value = true
    )]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves until SIGTERM or SIGINT; SIGHUP reads the configuration again.
    ///
    /// Refuses to start on the errors that `check` prints. On SIGTERM it is not ready but still accepts for
    /// `shutdown_delay`, then finishes requests in flight within `drain_timeout`, then exits with 0. On SIGHUP it puts
    /// the new configuration in force if it has no error, and keeps the old one otherwise; listener addresses change
    /// at a restart only.
    Run(Node),
    /// Reads everything that `run` would, prints every problem, and exits with 1 if one is an error.
    Check {
        #[command(flatten)]
        node: Node,
        #[command(flatten)]
        form: report_form::Arguments,
    },
    /// Asks a running edge on its admin listener whether it is ready: 0 if so. For containers without a shell.
    Health(Node),
    /// Tells why TLS handshakes fail and what to do about it: those of a running edge, or with any server.
    ///
    /// With --config alone it asks the running edge on its admin listener for the failed handshakes that it keeps (the
    /// newest 256, of clients and of targets) and prints them, newest first: exit code 0 if it could be asked.
    ///
    /// With --connect it shakes hands with any server and tells what it shows, whether that verifies and why not, whether
    /// it asks for a certificate and of whom, and whether it took ours: 0 if all is well, 1 with class and remedy if not.
    Doctor {
        /// The node file of the running edge.
        #[arg(long, value_name = "FILE", required_unless_present = "connect")]
        config: Option<PathBuf>,
        #[command(flatten)]
        arguments: doctor::Arguments,
    },
    /// Prints a completion script.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
struct Node {
    /// The node file, TOML. Any key can be set by the environment too: EDGE_PROXY_LISTENERS__PUBLIC__ADDRESS=…
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  edge-proxy check --config edge.toml
  edge-proxy run --config edge.toml --log-format json
  kill -HUP $(pidof edge-proxy)       # read the configuration again
  edge-proxy health --config edge.toml
  edge-proxy doctor --config edge.toml          # which handshakes failed, why, and what to do
  edge-proxy doctor --connect gateway.internal:8443 --trust pki/ca/internal.pem \\
      --cert pki/edge/client.pem --key pki/edge/client.key
  edge-proxy completions bash > /etc/bash_completion.d/edge-proxy

A small edge.toml:
  [listeners.public]
  address = \"0.0.0.0:8443\"
  protocol = \"https\"
  target_group = \"gateway\"

  [listeners.public.tls]
  certificate = \"pki/edge/server.pem\"
  private_key = \"pki/edge/server.key\"

  [listeners.public.mutual_authentication]
  mode = \"passthrough\"               # off | passthrough | verify

  [target_groups.gateway]
  protocol = \"https\"
  targets = [\"gateway.internal:8443\"]

  [target_groups.gateway.tls]
  certificate = \"pki/edge/client.pem\"
  private_key = \"pki/edge/client.key\"
  trust_store = \"pki/ca/internal.pem\"
  server_name = \"gateway.internal\"

A private_key may be elsewhere than in a PEM file: env:NAME, systemd:NAME (LoadCredential=NAME:…),
pkcs11:token=…;object=…?module-path=/…/module.so&pin-source=file:/… (a path, env:NAME, systemd:NAME).

Exit codes: 0 all is well, 1 it is not, 2 the command line is wrong.";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Run(node) => telemetry::init(arguments.log_format)
            .map_err(|error| error.to_string())
            .and_then(|()| run(&node.config)),
        Command::Check { node, form } => check(&node.config, form),
        Command::Health(node) => health(&node.config),
        Command::Doctor { config, arguments } => doctor(config.as_deref(), &arguments),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "edge-proxy", &mut io::stdout());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            if !message.is_empty() {
                // Nobody is left to tell if stderr is gone.
                let _ = writeln!(io::stderr(), "{message}");
            }
            ExitCode::FAILURE
        }
    }
}

fn load(file: &Path) -> (Option<Loaded<Settings>>, Report) {
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Settings::load(file, &environment)
}

/// Settings and plan, with all that is to be said of both. Without an error there is a plan.
fn plan(file: &Path) -> (Option<Plan>, Report) {
    let (loaded, mut report) = load(file);
    let plan = loaded.and_then(|loaded| {
        let (plan, findings) = compile(&loaded);
        report.extend(findings);
        plan
    });
    (plan.filter(|_| !report.has_errors()), report)
}

fn check(file: &Path, form: report_form::Arguments) -> Result<(), String> {
    let (_, report) = plan(file);
    let directory = std::env::current_dir().unwrap_or_default();
    let text = form.print(&report, &edge_proxy::rules::TOOL, &directory);
    writeln!(io::stdout(), "{text}").map_err(|error| format!("cannot write to stdout: {error}"))?;
    if report.has_errors() {
        Err(String::new())
    } else {
        Ok(())
    }
}

fn run(file: &Path) -> Result<(), String> {
    let (plan, report) = plan(file);
    if report.iter().next().is_some() {
        let _ = writeln!(io::stderr(), "{report}");
    }
    let plan = plan.ok_or_else(String::new)?;
    in_runtime(async {
        let edge = Edge::bind(plan).await.map_err(|error| error.to_string())?;
        let mut hang_up = signal(SignalKind::hangup()).map_err(|error| no_signals(&error))?;
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| no_signals(&error))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| no_signals(&error))?;
        let (control, node) = (edge.control(), file.to_owned());
        tokio::spawn(async move {
            while hang_up.recv().await.is_some() {
                reload(&control, node.clone()).await;
            }
        });
        edge.run(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await;
        Ok(())
    })
}

fn no_signals(error: &io::Error) -> String {
    format!("cannot wait for signals: {error}")
}

fn in_runtime<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    transport::runtime::run(work).map_err(|error| format!("cannot start the runtime: {error}"))?
}

/// Reads the configuration again. Whatever is wrong with it, what was in force stays in force.
async fn reload(control: &Control, file: PathBuf) {
    // Reading a long revocation list takes a while; requests do not wait for it.
    let planned = tokio::task::spawn_blocking(move || plan(&file)).await;
    let (plan, report) = match planned {
        Ok(planned) => planned,
        Err(failed) => {
            error!(%failed, "reload failed; the old configuration stays in force");
            return;
        }
    };
    for finding in &report {
        match finding.severity {
            Severity::Error => error!(%finding, "the new configuration cannot be used"),
            Severity::Warning => warn!(%finding, "the new configuration is doubtful"),
        }
    }
    match plan.map(|plan| control.reload(plan)) {
        Some(Ok(())) => info!("reloaded"),
        Some(Err(refused)) => error!(%refused, "reload failed; the old configuration stays in force"),
        None => error!("reload failed; the old configuration stays in force"),
    }
}

fn admin_address(file: &Path) -> Result<SocketAddr, String> {
    let (loaded, report) = load(file);
    let settings = loaded.ok_or_else(|| report.to_string())?.settings;
    let address = settings.admin.address;
    Ok(address.ok_or("the admin listener is off: set admin.address")?)
}

fn doctor(file: Option<&Path>, arguments: &doctor::Arguments) -> Result<(), String> {
    let findings = in_runtime(async {
        match (arguments.visit().await, file) {
            (Some(visited), _) => visited,
            (None, Some(file)) => arguments.ask(admin_address(file)?, "/handshakes").await,
            (None, None) => Err("name the node file with --config, or a server with --connect".to_owned()),
        }
    })?;
    writeln!(io::stdout(), "{}", findings.text)
        .map_err(|error| format!("cannot write to stdout: {error}"))?;
    if findings.is_well {
        Ok(())
    } else {
        Err(String::new())
    }
}

fn health(file: &Path) -> Result<(), String> {
    let address = admin_address(file)?;
    let asked = async {
        let answer = probe::ask(address, "/ready").await;
        answer.map_err(|error| error.to_string())
    };
    let (status, body) = in_runtime(asked)?;
    writeln!(io::stdout(), "{}", body.trim_end())
        .map_err(|error| format!("cannot write to stdout: {error}"))?;
    if status.is_success() {
        Ok(())
    } else {
        Err(String::new())
    }
}
