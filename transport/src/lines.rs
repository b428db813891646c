//! Log lines of requests and connections: written by a thread of their own, in batches, so that no request waits for a
//! disk and none wakes another thread while the log is busy.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_queue::SegQueue;
use tracing::warn;

/// Octets of lines that may wait to be written. What comes on top is dropped, counted and reported: a full disk must not
/// become an outage, and must not go unnoticed.
const WAITING: usize = 64 * 1024 * 1024;

/// How long the thread gathers lines before it writes them.
const BATCH: Duration = Duration::from_millis(10);

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Nowhere.
    Off,
    /// Standard output.
    Stdout,
    /// Appended to a file.
    File(PathBuf),
}

/// Writes lines. Cheap to share behind an `Arc`; dropped last, it writes what is left.
#[derive(Debug)]
pub struct Lines {
    queue: Option<Arc<Queue>>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Queue {
    lines: SegQueue<Vec<u8>>,
    waiting: AtomicUsize,
    dropped: AtomicU64,
    asleep: AtomicBool,
    closed: AtomicBool,
}

impl Lines {
    /// Opens the destination and starts its thread.
    pub fn open(destination: &Destination) -> io::Result<Self> {
        let sink: Box<dyn Write + Send> = match destination {
            Destination::Off => {
                return Ok(Self {
                    queue: None,
                    writer: None,
                });
            }
            Destination::Stdout => Box::new(io::stdout()),
            Destination::File(path) => Box::new(append_to(path)?),
        };
        let queue = Arc::new(Queue {
            lines: SegQueue::new(),
            waiting: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let writer = thread::Builder::new().name("log-lines".into()).spawn({
            let queue = Arc::clone(&queue);
            move || queue.write_all(BufWriter::with_capacity(64 * 1024, sink))
        })?;
        Ok(Self {
            queue: Some(queue),
            writer: Some(writer),
        })
    }

    /// Whether anybody reads them; a caller may save itself the formatting.
    pub fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Queues a line. The line break is added here.
    pub fn write(&self, mut line: Vec<u8>) {
        let (Some(queue), Some(writer)) = (&self.queue, &self.writer) else {
            return;
        };
        line.push(b'\n');
        let octets = line.len();
        if queue.waiting.fetch_add(octets, Ordering::AcqRel) >= WAITING {
            queue.waiting.fetch_sub(octets, Ordering::AcqRel);
            queue.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.lines.push(line);
        if queue.asleep.swap(false, Ordering::AcqRel) {
            writer.thread().unpark();
        }
    }
}

fn append_to(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl Drop for Lines {
    fn drop(&mut self) {
        if let (Some(queue), Some(writer)) = (self.queue.take(), self.writer.take()) {
            queue.closed.store(true, Ordering::Release);
            writer.thread().unpark();
            if writer.join().is_err() {
                warn!("the thread that writes log lines had failed");
            }
        }
    }
}

impl Queue {
    fn write_all(&self, mut sink: BufWriter<Box<dyn Write + Send>>) {
        loop {
            // Read before the queue is emptied: lines queued before the close are then always written.
            let closed = self.closed.load(Ordering::Acquire);
            let mut written = false;
            while let Some(line) = self.lines.pop() {
                self.waiting.fetch_sub(line.len(), Ordering::AcqRel);
                written = true;
                if let Err(error) = sink.write_all(&line) {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                    warn!(%error, "cannot write a log line");
                }
            }
            if let Err(error) = sink.flush() {
                warn!(%error, "cannot write log lines");
            }
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                warn!(dropped, "log lines were dropped");
            }
            if closed {
                return;
            }
            if written {
                thread::park_timeout(BATCH);
            } else {
                self.asleep.store(true, Ordering::Release);
                if self.lines.is_empty() && !self.closed.load(Ordering::Acquire) {
                    thread::park();
                }
                self.asleep.store(false, Ordering::Release);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_written_before_the_writer_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        for round in 1..=3 {
            let lines = Arc::new(Lines::open(&Destination::File(path.clone())).unwrap());
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let lines = Arc::clone(&lines);
                    thread::spawn(move || (0..500).for_each(|n| lines.write(format!("{n}").into_bytes())))
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            drop(lines);
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text.lines().count(), round * 2000);
            assert!(text.ends_with('\n'));
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error() {
        assert!(Lines::open(&Destination::File("/nowhere/lines".into())).is_err());
        assert!(!Lines::open(&Destination::Off).unwrap().is_on());
    }
}
