#![no_main]

#[path = "../checks/ocsp_response.rs"]
mod ocsp_response;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| ocsp_response::check(octets));
