//! Arguments in, exit code out.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use api_gateway::explain::{self, NoExplanation};
use api_gateway::gateway::Gateway;
use api_gateway::load::Inputs;
use api_gateway::plan::command::{Arguments as PlanArguments, Planned};
use clap::{Args, CommandFactory, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::error;
use transport::doctor;
use transport::finding::Report;
use transport::probe;
use transport::report_form;
use transport::telemetry::{self, LogFormat};

/// Exit code of a command that ran and found something wrong.
const FAILED: u8 = 1;
/// Exit code of a command that was not told what it needs.
const USAGE: u8 = 2;
/// Exit code of `plan` where somebody gains.
const GAINED: u8 = 3;

#[derive(Parser)]
#[command(name = "api-gateway", version, about, long_about = LONG_ABOUT, after_help = EXAMPLES)]
struct Command {
    /// How log lines are written on standard error; what is logged is up to RUST_LOG
    #[arg(long, global = true, default_value = "text", value_name = "text|json")]
    log_format: LogFormat,
    #[command(subcommand)]
    action: Action,
}

const LONG_ABOUT: &str = "\
The inner door: finds the consumer that a client certificate names (from the connection, or from the header that a \
proven edge carried), judges it by ACLs, and speaks mTLS to each upstream service.

It reads Kong's words: proxy_listen, trusted_ips, declarative_config, … from a file (.toml, or .conf as kong.conf), \
from KONG_<KEY> and API_GATEWAY_<KEY> in the environment, and the services, routes, consumers and plugins from Kong's \
declarative document.";

const EXAMPLES: &str = "\
Examples:
  api-gateway check --config gateway.toml        every problem at once, with file, line and column
  api-gateway check --config gateway.toml --format sarif > check.sarif
  api-gateway run --config gateway.toml          serve until SIGTERM; SIGHUP reads the configuration again
  KONG_PROXY_LISTEN=127.0.0.1:8000 KONG_DECLARATIVE_CONFIG=kong.yaml api-gateway run
  curl -s http://127.0.0.1:8007/status           what is in force
  api-gateway explain --config gateway.toml --cert alice.pem GET https://api.example.com/orders
  api-gateway plan old.yaml new.yaml             who gains and who loses what; 3 if anybody gains
  api-gateway doctor --config gateway.toml       which handshakes failed, why, and what to do
  api-gateway doctor --connect orders.internal:443 --trust ca.pem --cert me.pem --key me.key
  RUST_LOG=debug api-gateway run …               what happens below the request log

A private key (ssl_cert_key, client_ssl_cert_key; file:, env:, systemd:, pkcs11: and {vault://env/…} in a document) may
be in a PEM file, in env:NAME, in systemd:NAME (LoadCredential=NAME:…), or on a token,
pkcs11:token=…;object=…?module-path=/…/module.so&pin-source=file:/… (a path, env:NAME, systemd:NAME).";

#[derive(Subcommand)]
enum Action {
    /// Serve requests until SIGTERM or SIGINT, then drain and exit with 0. SIGHUP reloads
    Run(NodeFile),
    /// Read everything that `run` would read, print every problem, start nothing. Exits with 1 if there is an error
    Check {
        #[command(flatten)]
        node: NodeFile,
        #[command(flatten)]
        form: report_form::Arguments,
    },
    /// Tell what would become of a request and why, line by line, without sending it anywhere
    ///
    /// It is the request path's own code: the route chosen and the runners-up, each plugin in order with what it saw and
    /// decided, what the upstream would get and what the client. Exits with 0 if it could be told, whatever the verdict;
    /// --expect makes another verdict 1.
    Explain {
        #[command(flatten)]
        node: NodeFile,
        #[command(flatten)]
        arguments: Box<explain::Arguments>,
    },
    /// Ask the running gateway's own /status/ready; exits with 0 if it is ready. For containers without a shell
    Health(NodeFile),
    /// Tell why TLS handshakes fail and what to do about it: those of a running gateway, or with any server
    ///
    /// By itself it asks the running gateway on its status listener for the failed handshakes that it keeps (the newest
    /// 256, of clients and of upstreams) and prints them, newest first: exit code 0 if it could be asked.
    ///
    /// With --connect it shakes hands with any server and tells what it shows, whether that verifies and why not, whether
    /// it asks for a certificate and of whom, and whether it took ours: 0 if all is well, 1 with class and remedy if not.
    Doctor {
        #[command(flatten)]
        node: NodeFile,
        #[command(flatten)]
        arguments: doctor::Arguments,
    },
    /// Tell what a change of the declarative document lets whom do, and forbids whom to do
    ///
    /// Reads both documents as `run` would and has the request path decide about every route and everybody who could ask,
    /// by either. Prints who gains and who loses what, each with a request that shows it.
    ///
    /// Exits with 0 if nobody gains, with 3 if somebody does (unless --allow-gains), with 1 if a document has errors, with
    /// 2 if the command line cannot be understood. Losses do not change the exit code.
    Plan(PlanArguments),
    /// Print a completion script for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
struct NodeFile {
    /// The node file, .toml or .conf. Without one, the environment alone configures the gateway
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl NodeFile {
    fn inputs(self) -> Inputs {
        Inputs {
            file: self.config,
            environment: environment(),
        }
    }
}

/// A variable that is no text cannot be one of ours.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn main() -> ExitCode {
    let command = Command::parse();
    // Of an explanation a log would tell as if it had happened.
    let has_a_log = !matches!(command.action, Action::Explain { .. });
    if has_a_log && let Err(error) = telemetry::init(command.log_format) {
        // Without a log there is still standard error.
        let _ = writeln!(io::stderr(), "cannot start the log: {error}");
        return ExitCode::from(FAILED);
    }
    match command.action {
        Action::Run(node) => run(node.inputs()),
        Action::Check { node, form } => check(&node.inputs(), form),
        Action::Explain { node, arguments } => explain(&node.inputs(), &arguments),
        Action::Health(node) => health(&node.inputs()),
        Action::Doctor { node, arguments } => doctor(&node.inputs(), &arguments),
        Action::Plan(arguments) => plan(&arguments),
        Action::Completions { shell } => {
            clap_complete::generate(shell, &mut Command::command(), "api-gateway", &mut io::stdout());
            ExitCode::SUCCESS
        }
    }
}

fn check(inputs: &Inputs, form: report_form::Arguments) -> ExitCode {
    let (_, report) = inputs.load(1);
    let directory = std::env::current_dir().unwrap_or_default();
    let text = form.print(&report, &api_gateway::rules::TOOL, &directory);
    if writeln!(io::stdout(), "{text}").is_err() || report.has_errors() {
        return ExitCode::from(FAILED);
    }
    ExitCode::SUCCESS
}

fn explain(inputs: &Inputs, arguments: &explain::Arguments) -> ExitCode {
    match arguments.explain(inputs) {
        Ok(explanation) => {
            let written = writeln!(io::stdout(), "{}", explanation.text.trim_end());
            if written.is_err() || !explanation.is_as_expected {
                return ExitCode::from(FAILED);
            }
            ExitCode::SUCCESS
        }
        Err(problem) => {
            let _ = writeln!(io::stderr(), "{}", problem.to_string().trim_end());
            match problem {
                NoExplanation::Question(_) => ExitCode::from(USAGE),
                NoExplanation::Configuration(_) => ExitCode::from(FAILED),
            }
        }
    }
}

fn plan(arguments: &PlanArguments) -> ExitCode {
    let (text, code) = match arguments.plan(&environment()) {
        Ok(Planned::Refused(report)) => (report.to_string(), ExitCode::from(FAILED)),
        Ok(Planned::Compared {
            text,
            is_unwanted: false,
        }) => (text, ExitCode::SUCCESS),
        Ok(Planned::Compared {
            text,
            is_unwanted: true,
        }) => (text, ExitCode::from(GAINED)),
        Err(error) => return fail(&error),
    };
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Ok(()) => code,
        Err(_) => ExitCode::from(FAILED),
    }
}

fn print_report(report: &Report) {
    if report.iter().next().is_some() {
        // Standard error is gone: there is nobody left to tell.
        let _ = writeln!(io::stderr(), "{}", report.to_string().trim_end());
    }
}

fn run(inputs: Inputs) -> ExitCode {
    let (loaded, report) = inputs.load(1);
    print_report(&report);
    let Some(loaded) = loaded else {
        return ExitCode::from(FAILED);
    };
    with_runtime(async move {
        let gateway = match Gateway::bind(inputs, loaded) {
            Ok(gateway) => gateway,
            Err(error) => return fail(&error),
        };
        let (reload, reloads) = mpsc::channel(1);
        let (mut terminate, mut interrupt, mut hangup) = match (
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
            signal(SignalKind::hangup()),
        ) {
            (Ok(terminate), Ok(interrupt), Ok(hangup)) => (terminate, interrupt, hangup),
            (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => return fail(&error),
        };
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                // A full queue means that a reload is about to start anyhow.
                let _ = reload.try_send(());
            }
        });
        let shutdown = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        gateway.run(shutdown, reloads).await;
        ExitCode::SUCCESS
    })
}

/// Where the running gateway can be asked; otherwise what is wrong has been said.
fn status_address(inputs: &Inputs) -> Result<SocketAddr, ExitCode> {
    let (loaded, report) = api_gateway::settings::Settings::load(inputs.file.as_deref(), &inputs.environment);
    let Some(node) = loaded else {
        print_report(&report);
        return Err(ExitCode::from(FAILED));
    };
    let Some(listen) = node.settings.status_listen.first() else {
        return Err(fail(
            &"status_listen is off: there is nobody to ask; set it to an address such as 127.0.0.1:8007",
        ));
    };
    Ok(listen.address)
}

fn doctor(inputs: &Inputs, arguments: &doctor::Arguments) -> ExitCode {
    with_runtime(async {
        let findings = match arguments.visit().await {
            Some(visited) => visited,
            None => match status_address(inputs) {
                Ok(address) => arguments.ask(address, "/status/handshakes").await,
                Err(code) => return code,
            },
        };
        match findings {
            Ok(findings) if writeln!(io::stdout(), "{}", findings.text).is_err() || !findings.is_well => {
                ExitCode::from(FAILED)
            }
            Ok(_) => ExitCode::SUCCESS,
            Err(problem) => fail(&problem),
        }
    })
}

fn health(inputs: &Inputs) -> ExitCode {
    let address = match status_address(inputs) {
        Ok(address) => address,
        Err(code) => return code,
    };
    with_runtime(async move {
        match probe::ask(address, "/status/ready").await {
            Ok((status, _)) if status.is_success() => ExitCode::SUCCESS,
            Ok((status, body)) => fail(&format!("not ready: {status} {body}")),
            Err(error) => fail(&error),
        }
    })
}

fn with_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    match transport::runtime::run(work) {
        Ok(code) => code,
        Err(error) => fail(&format!("cannot start the runtime: {error}")),
    }
}

fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    error!("{error}");
    ExitCode::from(FAILED)
}
