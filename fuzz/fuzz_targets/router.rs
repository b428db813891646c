#![no_main]

#[path = "../checks/router.rs"]
mod router;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| router::check(octets));
