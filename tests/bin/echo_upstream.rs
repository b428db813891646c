//! An upstream to look at: answers every request with what it got. Arguments in, exit code out.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use harness::echo::{Echo, Keep};
use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, WantsServerCert};
use rustls::sign::SingleCertAndKey;
use tokio::signal::unix::{SignalKind, signal};
use transport::{pem, possession, probe};

/// How long requests in flight may take after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers every request with what it got, as JSON: method, path, query, headers, and who the client is by its
/// certificate. /status/NNN answers with that status, /slow?ms=N after a while, /mirror with the body; a WebSocket gets
/// its bytes back.
#[derive(Parser)]
#[command(name = "echo-upstream", version)]
struct Command {
    /// Listen for plain HTTP
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// Listen for HTTPS. Clients are asked for a certificate; none is judged, the answer says whose it is
    #[arg(long, value_name = "ADDRESS", requires_all = ["certificate", "private_key"])]
    https: Option<SocketAddr>,
    /// PEM chain, leaf first
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// PEM key of the leaf
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// Serve nobody: ask a running one whether it answers plain HTTP at this address, and exit with 0 if it does
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["http", "https"])]
    health: Option<SocketAddr>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let command = Command::parse();
    let run = tokio::runtime::Runtime::new()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(command)));
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "echo-upstream: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    if let Some(address) = command.health {
        let (status, _) = probe::ask(address, "/").await?;
        return if status.is_success() {
            Ok(())
        } else {
            Err(format!("answers {status}").into())
        };
    }
    let mut echo = Echo::new(Keep::Numbers);
    let bind = |address: SocketAddr| move |error| format!("cannot listen on {address}: {error}");
    let mut bound = Vec::new();
    if let Some(address) = command.http {
        bound.push(("http", echo.listen(address, None).await.map_err(bind(address))?));
    }
    if let (Some(address), Some(certificate), Some(key)) =
        (command.https, &command.certificate, &command.private_key)
    {
        let pair = pem::certified_key(
            pem::certificates(certificate)?,
            pem::private_key(key)?,
            &certificate.display().to_string(),
        )?;
        let config = tls().with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        let listening = echo.listen(address, Some(unresumed(config))).await;
        bound.push(("https", listening.map_err(bind(address))?));
    }
    if bound.is_empty() {
        return Err("nothing to do: give --http ADDRESS or --https ADDRESS".into());
    }
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut out = io::stdout();
    for (scheme, address) in bound {
        writeln!(out, "listening on {scheme}://{address}")?;
    }
    writeln!(out, "ready")?;
    out.flush()?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    echo.run(shutdown, PATIENCE).await;
    Ok(())
}

/// Asks for a certificate and has its key proved. Whose it is, is for whoever reads the echo.
fn tls() -> rustls::ConfigBuilder<ServerConfig, WantsServerCert> {
    ServerConfig::builder().with_client_cert_verifier(possession::prove_possession(Vec::new()))
}

fn unresumed(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}
