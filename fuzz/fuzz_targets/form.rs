#![no_main]

#[path = "../checks/form.rs"]
mod form;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| form::check(octets));
