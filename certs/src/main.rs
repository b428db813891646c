//! The `certs` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    certs::command::main(std::env::args_os(), &mut std::io::stdout().lock())
}
