//! The real programs, as child processes.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a program may take to be ready, or to end. It decides no test: it ends one that hangs.
const PATIENCE: Duration = Duration::from_secs(45);

/// A program that runs until this value is dropped, or is told to stop.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    output: Arc<Mutex<Vec<String>>>,
    addresses: BTreeMap<String, SocketAddr>,
}

/// It did not come up.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// There is no such program.
    #[error("{} is not there; build it with `cargo build --release`", .0.display())]
    Absent(PathBuf),
    /// The system did not start it.
    #[error("cannot start {0}: {1}")]
    Spawn(String, #[source] io::Error),
    /// It ended instead.
    #[error("{name} did not start ({status}):\n{output}")]
    Ended {
        /// The program.
        name: String,
        /// How it ended.
        status: String,
        /// What it said.
        output: String,
    },
    /// It said nothing for long.
    #[error("{name} was not ready within {} s:\n{output}", PATIENCE.as_secs())]
    TooSlow {
        /// The program.
        name: String,
        /// What it said.
        output: String,
    },
}

/// Where the programs are: beside the one that runs now, or beside its `deps`.
pub fn built(name: &str) -> Result<PathBuf, ProgramError> {
    let own = std::env::current_exe().unwrap_or_default();
    let places = own.ancestors().skip(1).take(2).map(|dir| dir.join(name));
    let mut places: Vec<PathBuf> = places.collect();
    match places.iter().position(|place| place.is_file()) {
        Some(found) => Ok(places.swap_remove(found)),
        None => Err(ProgramError::Absent(places.pop().unwrap_or_default())),
    }
}

/// How to start a program. The environment of the parent is not passed on: what is set there must not decide here.
pub fn command(name: &str, arguments: &[&str]) -> Result<Command, ProgramError> {
    let mut command = Command::new(built(name)?);
    command.args(arguments).env_clear();
    Ok(command)
}

impl Program {
    /// Starts a program that announces its listeners and then `ready`, and waits for that.
    pub fn start(command: Command, name: &str) -> Result<Self, ProgramError> {
        Self::start_and_tell(command, name, None)
    }

    /// The same; `tell` gets every line of its standard output too.
    pub fn start_and_tell(
        mut command: Command,
        name: &str,
        tell: Option<Sender<String>>,
    ) -> Result<Self, ProgramError> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| ProgramError::Spawn(name.to_owned(), error))?;
        let output = Arc::new(Mutex::new(Vec::new()));
        let (line, lines) = mpsc::channel();
        if let Some(stderr) = child.stderr.take() {
            read_lines(stderr, Arc::clone(&output), vec![line.clone()]);
        }
        if let Some(stdout) = child.stdout.take() {
            read_lines(
                stdout,
                Arc::clone(&output),
                [line].into_iter().chain(tell).collect(),
            );
        }
        let mut program = Self {
            name: name.to_owned(),
            child,
            output,
            addresses: BTreeMap::new(),
        };
        program.wait_until_ready(&lines)?;
        Ok(program)
    }

    fn wait_until_ready(&mut self, lines: &Receiver<String>) -> Result<(), ProgramError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if self.is_ready(&line) => return Ok(()),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(ProgramError::TooSlow {
                        name: self.name.clone(),
                        output: self.output(),
                    });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().map(|status| status.to_string());
                    return Err(ProgramError::Ended {
                        name: self.name.clone(),
                        status: status.unwrap_or_else(|error| error.to_string()),
                        output: self.output(),
                    });
                }
            }
        }
    }

    /// Takes the address out of a `listening` line. `true` for the line that says `ready`.
    fn is_ready(&mut self, line: &str) -> bool {
        if line == "ready" {
            return true;
        }
        if let Some(rest) = line.strip_prefix("listening on ")
            && let Some((scheme, address)) = rest.split_once("://")
            && let Ok(address) = address.parse()
        {
            self.addresses.insert(scheme.to_owned(), address);
        }
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let text = |key: &str| line[key].as_str();
        if let (Some(listener), Some(Ok(address))) =
            (text("listener"), text("address").map(str::parse::<SocketAddr>))
        {
            self.addresses.insert(listener.to_owned(), address);
        }
        text("message") == Some("ready")
    }

    /// Where a listener is bound: by its name, or by a part of it.
    pub fn address(&self, listener: &str) -> Option<SocketAddr> {
        let exact = self.addresses.get(listener);
        let part = || {
            let mut found = self.addresses.iter().filter(|(name, _)| name.contains(listener));
            found.next().map(|(_, address)| address)
        };
        exact.or_else(part).copied()
    }

    /// Everything that it wrote so far.
    pub fn output(&self) -> String {
        locked(&self.output).join("\n")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may be gone already. The child is waited for by this value alone, so its pid is still its own.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Result<ExitStatus, ProgramError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < deadline => pause(),
                Ok(None) => {
                    return Err(ProgramError::TooSlow {
                        name: format!("the end of {}", self.name),
                        output: self.output(),
                    });
                }
                Err(error) => return Err(ProgramError::Spawn(self.name.clone(), error)),
            }
        }
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(mut self) -> Result<ExitStatus, ProgramError> {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Ends it without a word, as a crash would.
    pub fn crash(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Its own child, by its own handle; an error means that it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[allow(clippy::disallowed_methods)] // not on a runtime's worker: whoever waits for a process blocks anyhow
fn pause() {
    thread::sleep(Duration::from_millis(10));
}

fn locked(output: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_lines(pipe: impl Read + Send + 'static, output: Arc<Mutex<Vec<String>>>, tell: Vec<Sender<String>>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            for sender in &tell {
                // Nobody may be listening any more; the pipe has to be emptied all the same.
                let _ = sender.send(line.clone());
            }
            locked(&output).push(line);
        }
    });
}

/// What a program said that is not meant to stay.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a program to its end.
pub fn run_to_end(mut command: Command) -> io::Result<Said> {
    let output = command.stdin(Stdio::null()).output()?;
    Ok(Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
