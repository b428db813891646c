//! Servers that are not ours: nginx, haproxy, tinyproxy, `openssl s_server`. One that is missing fails the test and says
//! how to install it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use certs::Issued;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take to listen. It decides no test: it ends one that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that runs until dropped. Its files, and what it logs, are in a directory of its own.
#[derive(Debug)]
pub struct Server {
    dir: TempDir,
    child: Child,
}

/// Files for a server that is not started yet.
#[derive(Debug)]
pub struct Files(TempDir);

thread_local! {
    /// Which of the tests of this process this one is: a test's body stays on one thread.
    static TEST: u32 = NEXT.fetch_add(1, Ordering::Relaxed);
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// An address that no other test has: servers that cannot tell which port they were given get addresses of a part of the
/// loopback network that is this test's own. To be called by the body of the test.
pub fn own_address(number: u8) -> SocketAddr {
    const PORT: u16 = 8443;
    let process = std::process::id();
    let part = |value: u32| u8::try_from(value % 250 + 1).unwrap_or(1);
    let test = TEST.with(|test| *test);
    SocketAddr::from(([127, part(process), part(process / 250 + test), number], PORT))
}

impl Files {
    /// None yet.
    #[allow(clippy::new_without_default)] // it makes a directory
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Writes a file; gives its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A certificate with its chain, and its key: `NAME.pem`, `NAME.key`.
    pub fn pair(&self, name: &str, issued: &Issued) -> (String, String) {
        (
            self.write(&format!("{name}.pem"), &issued.chain_pem()),
            self.write(&format!("{name}.key"), &issued.key_pem()),
        )
    }

    /// Starts nginx with the contents of its `http` block, and waits until it listens at these addresses. What it is
    /// asked goes to `access.log`, by the format `log` where the contents define it.
    pub fn nginx(self, http: &str, listening: &[SocketAddr]) -> Server {
        let dir = self.0.path().display().to_string();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("    {kind}_temp_path {dir}/{kind};\n"))
            .concat();
        // One process, so that ending it ends all of it.
        let text = format!(
            "daemon off;\nmaster_process off;\npid {dir}/nginx.pid;\nerror_log {dir}/error.log info;\n\
             events {{ worker_connections 512; }}\nhttp {{\n{temporary}{http}\n}}\n"
        );
        let file = self.write("nginx.conf", &text);
        let mut command = Command::new(in_sbin("nginx"));
        command.args(["-p", &dir, "-e", &format!("{dir}/error.log"), "-c", &file]);
        self.start(command, "nginx", listening)
    }

    /// Starts haproxy with its configuration file's text.
    pub fn haproxy(self, text: &str, listening: &[SocketAddr]) -> Server {
        let file = self.write("haproxy.cfg", text);
        let mut command = Command::new(in_sbin("haproxy"));
        command.args(["-db", "-f", &file]);
        self.start(command, "haproxy", listening)
    }

    /// Starts `openssl s_server`, which answers every GET with a page about the session.
    pub fn openssl(self, arguments: &[&str], listening: SocketAddr) -> Server {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-www", "-accept", &listening.to_string()]);
        command.args(arguments);
        self.start(command, "openssl", &[listening])
    }

    /// Starts `openssl ocsp` as a responder. It answers one after the other, and a connection without a question would
    /// hold it up, so it is not knocked at to see whether it listens.
    pub fn ocsp(self, arguments: &[&str]) -> Server {
        let mut command = Command::new("openssl");
        command.arg("ocsp").args(arguments);
        let mut server = self.start(command, "openssl", &[]);
        server.wait_until("it says that it waits", |server| {
            server
                .read("output")
                .contains("waiting for OCSP client connections")
        });
        server
    }

    /// Starts oidc-provider-mock, with an introspection endpoint, on plain http. What its introspection endpoint is
    /// asked is in `introspections`.
    pub fn oidc_provider(self, listening: SocketAddr) -> Server {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("../target/tools/oidc-provider-mock/bin/python");
        let mut command = Command::new(python);
        command.arg(root.join("fixtures/oidc_provider.py"));
        command.args([listening.port().to_string(), self.write("introspections", "")]);
        self.start(command, "oidc-provider-mock", &[listening])
    }

    /// Starts tinyproxy, a forward proxy, which calls from the address that it listens at. Whoever uses it must be this
    /// user with this password, if that is said. What it is asked for is in `asked`.
    pub fn tinyproxy(self, listening: SocketAddr, user: Option<(&str, &str)>) -> Server {
        let user = user.map(|(name, password)| format!("BasicAuth {name} {password}\n"));
        let text = format!(
            "Listen {ip}\nBind {ip}\nPort {}\nTimeout 60\nMaxClients 50\nLogFile \"{}\"\nLogLevel Connect\n{}",
            listening.port(),
            self.write("asked", ""),
            user.unwrap_or_default(),
            ip = listening.ip(),
        );
        let file = self.write("tinyproxy.conf", &text);
        let mut command = Command::new("tinyproxy");
        command.args(["-d", "-c", &file]);
        self.start(command, "tinyproxy", &[listening])
    }

    pub(crate) fn start(self, mut command: Command, package: &str, listening: &[SocketAddr]) -> Server {
        let output = fs::File::create(self.0.path().join("output")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!(
                "{package} cannot be run ({error}); `make tools` installs it, or apt-get install {package}"
            )
        });
        let mut server = Server { dir: self.0, child };
        for address in listening {
            server.wait_for(*address);
        }
        server
    }
}

impl Server {
    /// A file in its directory; what it was sent is in its logs, so not all of it need be text.
    pub fn read(&self, name: &str) -> String {
        let octets = fs::read(self.dir.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may be gone already. The child is waited for by this value alone, so its pid is still its own.
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends it; its files stay.
    pub fn end(&mut self) {
        // Its own child, by its own handle; an error means that it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn wait_for(&mut self, address: SocketAddr) {
        self.wait_until(&format!("somebody listens at {address}"), |_| {
            TcpStream::connect(address).is_ok()
        });
    }

    fn wait_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            let ended = self.child.try_wait().unwrap();
            let said = || format!("{}{}", self.read("output"), self.read("error.log"));
            assert!(ended.is_none(), "it ended: {ended:?}\n{}", said());
            assert!(Instant::now() < deadline, "not so: {what}\n{}", said());
            pause();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

#[allow(clippy::disallowed_methods)] // whoever waits for a process blocks anyhow
fn pause() {
    thread::sleep(Duration::from_millis(10));
}

/// Debian keeps servers where the path of a user may not lead.
fn in_sbin(program: &str) -> PathBuf {
    let file = Path::new("/usr/sbin").join(program);
    if file.is_file() { file } else { program.into() }
}
