//! A software token (SoftHSM2) of a test's own, with keys in it; and the same behind a module that can be told to be slow
//! or to fail (`fixtures/token_in_front.c`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::run_to_end;

/// Its PIN.
pub const PIN: &str = "4711-token";
/// Where Debian has the module.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A token called `sallyport`.
#[derive(Debug)]
pub struct Token {
    dir: PathBuf,
    module: PathBuf,
}

impl Token {
    /// Makes a token in a directory that is there.
    pub fn make(dir: &Path) -> Self {
        let token = Self {
            dir: dir.join("softhsm"),
            module: MODULE.into(),
        };
        fs::create_dir_all(token.dir.join("tokens")).unwrap();
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            token.dir.join("tokens").display()
        );
        fs::write(token.dir.join("softhsm2.conf"), text).unwrap();
        token.util(&[
            "--init-token",
            "--free",
            "--label",
            "sallyport",
            "--so-pin",
            "12345678",
            "--pin",
            PIN,
        ]);
        token
    }

    /// Puts a PKCS#8 key into it, under a label and an id (hexadecimal).
    pub fn import(&self, label: &str, id: &str, pem: &str) {
        let file = self.dir.join("import.pem");
        fs::write(&file, pem).unwrap();
        let file_name = file.display().to_string();
        self.util(&[
            "--import",
            &file_name,
            "--token",
            "sallyport",
            "--label",
            label,
            "--id",
            id,
            "--pin",
            PIN,
        ]);
        fs::remove_file(&file).unwrap();
    }

    fn util(&self, arguments: &[&str]) {
        let mut command = Command::new("softhsm2-util");
        command.args(arguments).envs(self.environment());
        let said = run_to_end(command).unwrap_or_else(|error| {
            panic!(
                "softhsm2-util cannot be run ({error}); `make tools` installs it, or apt-get install softhsm2"
            )
        });
        assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
    }

    /// What a program needs to find it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: PathBuf| path.display().to_string();
        vec![
            ("SOFTHSM2_CONF".to_owned(), text(self.dir.join("softhsm2.conf"))),
            ("TOKEN_MODULE".to_owned(), MODULE.to_owned()),
            ("TOKEN_CONTROL".to_owned(), text(self.dir.clone())),
            ("TOKEN_PIN".to_owned(), PIN.to_owned()),
        ]
    }

    /// The reference to a key of it, with the PIN in the environment.
    pub fn key(&self, label: &str) -> String {
        format!(
            "pkcs11:token=sallyport;object={label}?module-path={}&pin-source=env:TOKEN_PIN",
            self.module.display()
        )
    }

    /// The same token behind the module that can be told things.
    pub fn behind_another(mut self) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/token_in_front.c");
        self.module = self.dir.join("token_in_front.so");
        let mut command = Command::new("cc");
        command
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&self.module)
            .arg(source);
        command.arg("-ldl");
        let said = run_to_end(command)
            .unwrap_or_else(|error| panic!("cc cannot be run ({error}); apt-get install gcc libc6-dev"));
        assert_eq!(said.code, Some(0), "{said:?}");
        self
    }

    /// Tells the module something: `delay`, `answer`, `answer-once`, `login`.
    pub fn tell(&self, what: &str, value: &str) {
        // In one step: the module must not read half of it.
        let written = self.dir.join("told");
        fs::write(&written, value).unwrap();
        fs::rename(written, self.dir.join(what)).unwrap();
    }

    /// Takes that back.
    pub fn untell(&self, what: &str) {
        fs::remove_file(self.dir.join(what)).unwrap();
    }

    /// How often the module was asked to do that: `open`, `login`.
    pub fn calls(&self, what: &str) -> usize {
        let calls = fs::read_to_string(self.dir.join("calls")).unwrap_or_default();
        calls.lines().filter(|line| *line == what).count()
    }
}
