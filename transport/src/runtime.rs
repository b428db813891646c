//! The runtime of a program: as many worker threads as there are processors to run on.

use std::io;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// The environment variable by which tokio's own runtime is told how many workers to start.
const WORKERS: &str = "TOKIO_WORKER_THREADS";

/// How long the end of a program waits for what blocks a thread.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Does the work of a program to its end. What still blocks a thread then, a reload that waits for a disk or a token that
/// does not answer, does not keep the program from ending.
pub fn run<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = start()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_WAIT);
    Ok(outcome)
}

/// A runtime with a worker for each processor that this process may use, or as many as `TOKIO_WORKER_THREADS` says.
///
/// With one, as a sidecar with one CPU has it, everything runs on the calling thread: work is then never handed from
/// thread to thread, and its queues need no synchronisation.
fn start() -> io::Result<Runtime> {
    let asked = std::env::var(WORKERS)
        .ok()
        .and_then(|text| text.parse::<usize>().ok())
        .filter(|asked| *asked > 0);
    let workers = asked.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    let mut builder = if workers == 1 {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build()
}
