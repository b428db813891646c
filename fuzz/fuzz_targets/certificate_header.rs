#![no_main]

#[path = "../checks/certificate_header.rs"]
mod certificate_header;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| certificate_header::check(octets));
