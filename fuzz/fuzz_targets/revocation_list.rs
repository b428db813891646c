#![no_main]

#[path = "../checks/revocation_list.rs"]
mod revocation_list;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| revocation_list::check(octets));
