//! Programs that are not ours: `curl`, `openssl`, `gnutls-cli`, `testssl`, `sslyze`. One that is missing fails the test
//! and says how to install it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::Said;

/// Runs `curl`, without a configuration file, silent but for errors, at most 30 seconds.
pub fn curl<S: AsRef<str>>(arguments: &[S]) -> Said {
    let mut command = Command::new("curl");
    command.args(["--disable", "--silent", "--show-error", "--max-time", "30"]);
    command.args(arguments.iter().map(AsRef::as_ref));
    run(command, "curl", Input::Whole(b""), "apt-get install curl")
}

/// Runs `openssl` with something on its standard input.
pub fn openssl<S: AsRef<str>>(arguments: &[S], input: &[u8]) -> Said {
    let mut command = Command::new("openssl");
    command.args(arguments.iter().map(AsRef::as_ref));
    run(command, "openssl", Input::Whole(input), "apt-get install openssl")
}

/// `openssl s_client` with these options, and one request on its connection. For a test on several threads.
pub fn s_client<S: AsRef<str>>(address: SocketAddr, options: &[S], path: &str) -> Said {
    let address = address.to_string();
    let mut arguments = vec!["s_client", "-connect", &address, "-ign_eof"];
    arguments.extend(options.iter().map(AsRef::as_ref));
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    tokio::task::block_in_place(|| openssl(&arguments, request.as_bytes()))
}

/// `gnutls-cli` with these options, and one request on its connection. For a test on several threads.
pub fn gnutls_cli<S: AsRef<str>>(address: SocketAddr, options: &[S], path: &str) -> Said {
    let mut command = Command::new("gnutls-cli");
    command.args(["--port", &address.port().to_string()]);
    command.args(options.iter().map(AsRef::as_ref));
    command.arg(address.ip().to_string());
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    tokio::task::block_in_place(|| {
        run(
            command,
            "gnutls-cli",
            Input::Open(request.as_bytes()),
            "apt-get install gnutls-bin",
        )
    })
}

/// `testssl` (testssl.sh) with these options; it asks no name server and nobody else.
pub fn testssl<S: AsRef<str>>(address: SocketAddr, name: &str, options: &[S]) -> Said {
    let mut command = Command::new("testssl");
    command.args(["--quiet", "--warnings", "off", "--color", "0"]);
    command.args(["--nodns", "none", "--ip", &address.ip().to_string()]);
    command.args(options.iter().map(AsRef::as_ref));
    command.arg(format!("{name}:{}", address.port()));
    run(
        command,
        "testssl",
        Input::Whole(b""),
        "apt-get install testssl.sh",
    )
}

/// `sslyze` with these options: that of `make tools`, or the one on the path.
pub fn sslyze<S: AsRef<str>>(address: SocketAddr, name: &str, options: &[S]) -> Said {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/sslyze/bin/sslyze");
    let mut command = if ours.exists() {
        Command::new(ours)
    } else {
        Command::new("sslyze")
    };
    command.args(["--sni", name]);
    command.args(options.iter().map(AsRef::as_ref));
    command.arg(address.to_string());
    run(command, "sslyze", Input::Whole(b""), "make tools")
}

/// A script of Python's with `PyJWT`, that of `make tools`.
pub fn pyjwt(script: &str) -> Said {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/pyjwt/bin/python");
    let mut command = Command::new(python);
    command.args(["-c", script]);
    run(command, "PyJWT", Input::Whole(b""), "make tools")
}

/// What is on a program's standard input.
#[derive(Clone, Copy)]
enum Input<'a> {
    /// This, then its end.
    Whole(&'a [u8]),
    /// This, and no end while the program runs: `gnutls-cli` would hang up before the answer.
    Open(&'a [u8]),
}

fn run(mut command: Command, name: &str, input: Input<'_>, install: &str) -> Said {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{name} cannot be run ({error}); {install}"));
    let mut stdin = child.stdin.take().unwrap();
    // It may have ended already; its output says why.
    let _open = match input {
        Input::Whole(bytes) => {
            let _ = stdin.write_all(bytes);
            drop(stdin);
            None
        }
        Input::Open(bytes) => {
            let _ = stdin.write_all(bytes);
            Some(stdin)
        }
    };
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
