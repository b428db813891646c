#![no_main]

#[path = "../checks/request_path.rs"]
mod request_path;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| request_path::check(octets));
