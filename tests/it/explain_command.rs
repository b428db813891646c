//! `explain` on the command line: its exit codes, and what it never prints.

use std::io::Write as _;
use std::process::Stdio;

use harness::program::{Said, command, run_to_end};
use harness::stack::Stack;

fn explain(stack: &Stack, arguments: &[&str]) -> Said {
    let config = stack.file("gateway.toml");
    let arguments = [&["explain", "--config", &config], arguments].concat();
    let command = command("api-gateway", &arguments).unwrap();
    tokio::task::block_in_place(|| run_to_end(command).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines)] // a table
async fn the_exit_code_says_whether_it_could_be_told() {
    let stack = Stack::with("hop.yaml").start().await;
    let alice = stack.pki.path("clients/alice.pem").display().to_string();
    let absent = stack.file("absent.pem");
    let direct = ["--cert", &alice, "https://api.test/direct"];
    for (arguments, code, out, err) in [
        (&direct[..], 0, "verdict     allow; acl had the last word", ""),
        (
            &["GET", "https://api.test/direct"],
            0,
            "deny by mtls-auth: 401 certificate_missing",
            "",
        ),
        (
            &["--expect", "deny", "https://api.test/direct"],
            0,
            "deny by mtls-auth",
            "",
        ),
        (
            &["--expect", "allow", "https://api.test/direct"],
            1,
            "deny by mtls-auth",
            "",
        ),
        (
            &["--expect", "allow", "https://api.test/public"],
            0,
            "allow; routing had the last word",
            "",
        ),
        (&[], 2, "", "required"),
        (
            &["GET", "/public"],
            2,
            "",
            "`/public` is no absolute http or https URL",
        ),
        (&["G T", "https://api.test/"], 2, "", "`G T` is no method"),
        (
            &["-H", "nothing", "https://api.test/"],
            2,
            "",
            "the header number 1 is none, which is written `NAME: VALUE`: there is no colon",
        ),
        (&["--cert", &absent, "https://api.test/"], 2, "", "absent.pem"),
        (
            &["--at", "yesterday", "https://api.test/"],
            2,
            "",
            "`yesterday` is no time",
        ),
        (
            &["--listener", "nobody", "https://api.test/"],
            2,
            "",
            "there are `127.0.0.1:0 ssl http2`, `127.0.0.1:0`",
        ),
        (
            &["--listener", "127.0.0.1:0", "https://api.test/"],
            2,
            "",
            "does not speak https",
        ),
        (&["--http2", "http://api.test/"], 2, "", "does not speak HTTP/2"),
        (
            &["--via", "socket", "--edge", &alice, "https://api.test/"],
            2,
            "",
            "the handshake is the edge's",
        ),
    ] {
        let said = explain(&stack, arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}: {said:#?}");
        assert!(said.stdout.contains(out), "{arguments:?}: {said:#?}");
        assert!(said.stderr.contains(err), "{arguments:?}: {said:#?}");
        assert_eq!(said.stdout.is_empty(), code == 2, "{arguments:?}: {said:#?}");
    }
    let http2 = explain(&stack, &["--http2", "--cert", &alice, "https://api.test/direct"]);
    assert!(http2.stdout.contains("x-forwarded-host: api.test"), "{http2:#?}");

    stack.change("kong.yaml", "paths: [/public]", "path: [/public]");
    let said = explain(&stack, &["https://api.test/public"]);
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert!(
        said.stderr.contains("kong.yaml:9:9: error[unknown-field]"),
        "{said:#?}"
    );
}

/// Neither the token nor a key, nor a password, from wherever it comes.
#[tokio::test(flavor = "multi_thread")]
async fn no_credential_is_ever_printed() {
    let stack = Stack::with("key_auth.yaml").start().await;
    let token = "eyJhbGciOiJub25lIn0.c2VjcmV0.";
    let file = stack.file("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let by_file = format!("@{file}");
    for arguments in [
        &["--token", token, "https://api.test/"][..],
        &["--token", &by_file, "https://api.test/"],
        &[
            "--token",
            &by_file,
            "-H",
            "X-Copy: eyJhbGciOiJub25lIn0.c2VjcmV0.",
            "https://api.test/",
        ],
        &[
            "-H",
            "Authorization: Basic eyJhbGciOiJub25lIn0.c2VjcmV0.",
            "https://api.test/",
        ],
        &["-H", "apikey: eyJhbGciOiJub25lIn0.c2VjcmV0.", "https://api.test/"],
        &[
            "-H",
            "ApiKey: eyJhbGciOiJub25lIn0.c2VjcmV0.",
            "--json",
            "https://api.test/",
        ],
        &["https://api.test/?apikey=eyJhbGciOiJub25lIn0.c2VjcmV0.&a=b"],
        &[
            "--json",
            "https://api.test/?access_token=eyJhbGciOiJub25lIn0.c2VjcmV0.",
        ],
    ] {
        let said = explain(&stack, arguments);
        assert_eq!(said.code, Some(0), "{arguments:?}: {said:#?}");
        assert!(
            !said.stdout.contains("c2VjcmV0"),
            "{arguments:?}: {}",
            said.stdout
        );
        assert!(said.stderr.is_empty(), "{arguments:?}: {}", said.stderr);
    }
    let config = stack.file("gateway.toml");
    let mut command = command(
        "api-gateway",
        &[
            "explain",
            "--config",
            &config,
            "--token",
            "-",
            "https://api.test/",
        ],
    )
    .unwrap();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !text.contains("c2VjcmV0"), "{text}");
}
