//! Files that are read while a program runs. Whoever opens a pipe waits for somebody at its other end: a reload would wait
//! for ever, and with it the signals that would end it. A device has no end at all.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// All octets of a regular file. What is none is refused before it is opened.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    refuse_others(path)?;
    fs::read(path)
}

/// The same; `None` if there are more than `largest`.
pub fn read_at_most(path: &Path, largest: u64) -> io::Result<Option<Vec<u8>>> {
    refuse_others(path)?;
    let mut octets = Vec::new();
    let read = File::open(path)?.take(largest + 1).read_to_end(&mut octets)?;
    Ok((read as u64 <= largest).then_some(octets))
}

fn refuse_others(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_file() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is not a regular file",
    ))
}
