#![no_main]

#[path = "../checks/node_file.rs"]
mod node_file;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| node_file::check(octets));
