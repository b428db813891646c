//! Programs that are not ours: `curl` and `openssl`. One that is missing fails the test and says how to install it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::program::Said;

/// Runs `curl`, without a configuration file, silent but for errors, at most 30 seconds.
pub fn curl<S: AsRef<str>>(arguments: &[S]) -> Said {
    let mut command = Command::new("curl");
    command.args(["--disable", "--silent", "--show-error", "--max-time", "30"]);
    command.args(arguments.iter().map(AsRef::as_ref));
    run(command, "curl", b"")
}

/// Runs `openssl` with something on its standard input.
pub fn openssl<S: AsRef<str>>(arguments: &[S], input: &[u8]) -> Said {
    let mut command = Command::new("openssl");
    command.args(arguments.iter().map(AsRef::as_ref));
    run(command, "openssl", input)
}

fn run(mut command: Command, name: &str, input: &[u8]) -> Said {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child =
        child.unwrap_or_else(|error| panic!("{name} cannot be run ({error}); apt-get install {name}"));
    if let Some(mut stdin) = child.stdin.take() {
        // It may have ended already; its output says why.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
