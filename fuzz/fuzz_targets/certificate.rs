#![no_main]

#[path = "../checks/certificate.rs"]
mod certificate;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| certificate::check(octets));
