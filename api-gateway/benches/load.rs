//! Reading and compiling a document of 100,000 consumers and 1,000 routes, as a start and a reload do it: how long it
//! takes, and how much memory a process needs at most that does nothing else.

mod enterprise;

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs, io};

use certs::Authority;
use criterion::Criterion;
use enterprise::{Detail, Enterprise, Plugins, Syntax};

/// The argument by which this program asks itself to load a document and to tell its memory.
const PEAK_MEMORY: &str = "peak-memory";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == PEAK_MEMORY) {
        let document = arguments.next().ok_or("which document?")?;
        return print_peak_memory(Path::new(&document));
    }
    let clients = Authority::root("Clients")?;
    let document = Enterprise {
        consumers: 100_000,
        detail: Detail::Whole,
        routes: 1_000,
        plugins: Plugins::EachService,
        clients_ca: &clients.pem(),
    };
    let mut criterion = Criterion::default()
        .sample_size(10)
        .measurement_time(Duration::from_secs(15))
        .configure_from_args();
    let mut files: Vec<PathBuf> = Vec::new();
    for syntax in [Syntax::Yaml, Syntax::Json] {
        files.push(document.write("load", syntax)?);
    }
    let mut group = criterion.benchmark_group("load");
    for file in &files {
        // What cannot be loaded is told before it is measured.
        enterprise::load(file)?;
        group.bench_function(kind(file), |bencher| {
            bencher.iter_with_large_drop(|| enterprise::load(file));
        });
    }
    group.finish();
    criterion.final_summary();
    for file in &files {
        let status = Command::new(env::current_exe()?)
            .arg(PEAK_MEMORY)
            .arg(file)
            .status()?;
        if !status.success() {
            return Err("the memory could not be measured".into());
        }
    }
    Ok(())
}

fn print_peak_memory(document: &Path) -> Result<(), Box<dyn Error>> {
    let before = kibibytes("VmHWM")?;
    let loaded = enterprise::load(document)?;
    let (peak, after) = (kibibytes("VmHWM")?, kibibytes("VmRSS")?);
    let size = fs::metadata(document)?.len();
    writeln!(
        io::stdout(),
        "load/{} of {} MiB: {} consumers; memory at most {} MiB, afterwards {} MiB, before {} MiB",
        kind(document),
        size >> 20,
        loaded.snapshot.consumers.len(),
        peak >> 10,
        after >> 10,
        before >> 10,
    )?;
    Ok(())
}

/// A figure that Linux tells a process about itself.
fn kibibytes(name: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("Linux does not tell")?.parse()?)
}

fn kind(document: &Path) -> &str {
    document
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
}
