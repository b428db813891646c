//! The whole path on one machine: makes a PKI, starts upstream, gateway and edge, sends a handful of requests through
//! them and prints who got what, and why.

mod nodes;
mod rows;
mod table;
mod why;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use harness::answer::Answer;
use tokio::signal::unix::{SignalKind, signal};

use nodes::{Door, Nodes, Place};
use rows::Expected;
use table::Table;
use why::Logs;

/// Makes a test PKI, starts an echo upstream, api-gateway and edge-proxy on 127.0.0.1, sends requests as several people
/// and prints who got what, and why. Stays up until Ctrl-C, to be tried out with curl.
#[derive(Parser)]
#[command(name = "demo", version)]
struct Command {
    /// Exit after the table: with 0 only if every row is as expected
    #[arg(long)]
    once: bool,
    /// Keep PKI and configuration here, instead of in a directory that is removed in the end. What `certs init` writes
    /// is written anew
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let command = Command::parse();
    let run = tokio::runtime::Runtime::new()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(command)));
    match run {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every row was as expected.
async fn run(command: Command) -> Result<bool, Failure> {
    // Asked for before anything is started: from now on a signal ends this function, which ends the children.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let interrupted = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let place = match command.dir {
        Some(dir) => Place::Given(std::path::absolute(dir)?),
        None => Place::Temporary(tempfile::tempdir()?),
    };
    let (ends, mut logs) = Logs::new();
    let nodes = Nodes::start(place.path(), ends)?;
    let mut interrupted = std::pin::pin!(interrupted);
    let good = tokio::select! {
        shown = show(&nodes, &mut logs) => shown?,
        () = &mut interrupted => return Ok(false),
    };
    if !command.once {
        print(&invitation(place.path()))?;
        interrupted.await;
    }
    nodes.stop()?;
    Ok(good)
}

/// Sends every row and prints the table.
async fn show(nodes: &Nodes, logs: &mut Logs) -> Result<bool, Failure> {
    let mut table = Table::new(["", "who", "how", "request", "expected", "got", "why"]);
    let (mut good, mut count, mut received) = (0, 0, String::new());
    for row in rows::all() {
        let outcome = row.send(nodes).await?;
        let fine = row.is_as_expected(&outcome);
        count += 1;
        good += usize::from(fine);
        let got = match &outcome {
            Ok(answer) => answer.status.as_u16().to_string(),
            Err(_) => "no TLS".to_owned(),
        };
        if let (Expected::Consumer(..), Ok(answer), true) = (row.expected, &outcome, received.is_empty()) {
            received = consumer_headers(answer);
        }
        table.add([
            if fine { "ok" } else { "WRONG" }.to_owned(),
            row.who.to_owned(),
            row.how(),
            row.request(),
            row.expected(),
            got,
            logs.why(row.door, &outcome),
        ]);
    }
    print(&format!(
        "\n{table}\n{FORGED}\n{received}\n{good} of {count} rows are as expected."
    ))?;
    Ok(good == count)
}

const FORGED: &str = "\
forged header: alice's certificate, which is public, in X-Amzn-Mtls-Clientcert, where only an edge may write.
200 + headers: and the upstream received who it was. For alice through the edge in passthrough mode:";

/// The headers that tell the upstream who somebody is.
fn consumer_headers(answer: &Answer) -> String {
    let names = ["x-consumer-", "x-credential-"].map(|prefix| answer.received_names(prefix));
    let lines = names.into_iter().flatten().map(|name| {
        let value = answer.received(&name).unwrap_or_default();
        format!("    {name}: {value}\n")
    });
    lines.collect()
}

fn invitation(dir: &Path) -> String {
    let dir = dir.display();
    let call = |title: &str, door: Door, who: &str, path: &str| {
        let (port, host) = (door.port(), door.host());
        format!(
            "# {title}\ncurl --cacert $PKI/ca/internal.pem --cert $PKI/clients/{who}.pem --key $PKI/clients/{who}.key \\\n     --resolve {host}:{port}:127.0.0.1 https://{host}:{port}{path}\n"
        )
    };
    [
        format!("\nEverything is up. Configuration: {dir}/edge.toml, gateway.toml, kong.yaml. In another terminal:\n\nPKI={dir}/pki\n"),
        call("alice, through the edge", Door::Passthrough, "alice", "/mtls"),
        call("bob is not in the group", Door::Passthrough, "bob", "/mtls"),
        call("the edge and alice, each judged", Door::Passthrough, "alice", "/double"),
        call("the edge verifies", Door::Verify, "alice", "/verify"),
        call("TLS goes through to the gateway", Door::Passed, "alice", "/direct"),
        "# what is in force at the gateway\ncurl -s http://127.0.0.1:9902/status\n\nCtrl-C ends everything.\n".to_owned(),
    ]
    .join("\n")
}

/// To standard output, at once.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{text}")?;
    out.flush()
}
