#![no_main]

#[path = "../checks/identity.rs"]
mod identity;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| identity::check(octets));
