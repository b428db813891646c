//! What the fuzz targets check, over their committed seeds and over large inputs that are made here.
//!
//! The bodies of the targets are in `fuzz/checks/`; the fuzzer and these tests run the very same functions.

// All of it is test code, functions that only tests call included.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../fuzz/checks/certificate.rs"]
mod certificate;
#[path = "../../fuzz/checks/certificate_header.rs"]
mod certificate_header;
#[path = "../../fuzz/checks/document.rs"]
mod document;
#[path = "../../fuzz/checks/form.rs"]
mod form;
#[path = "../../fuzz/checks/identity.rs"]
mod identity;
#[path = "../../fuzz/checks/node_file.rs"]
mod node_file;
#[path = "../../fuzz/checks/ocsp_response.rs"]
mod ocsp_response;
#[path = "../../fuzz/checks/request_path.rs"]
mod request_path;
#[path = "../../fuzz/checks/revocation_list.rs"]
mod revocation_list;
#[path = "../../fuzz/checks/router.rs"]
mod router;
#[path = "../../fuzz/checks/token.rs"]
mod token;

mod large;
mod seeds;
