//! Bytes, TLS and HTTP: what both doors of Sallyport share. No word of Kong's or of ELB's is in here.
//!
//! | part | modules |
//! |---|---|
//! | certificates and trust | `pem`, `certificate`, `distinguished_name`, `presented`, `verify`, `revocation`, `possession`, `handshake_policy`, `handshake_diagnosis`, `handshake_failures`, `server_verifier`, `stapling`, `forwarded_cert`, `private_key`, `regular_file` |
//! | the wire | [`listen`], [`serve`], [`server_tls`], [`client_tls`], [`dial`], [`upstream`], [`outgoing`], [`hop`], [`body`], [`tunnel`], [`activity`], [`drain`], [`lines`], [`probe`], [`doctor`] |
//! | certificates from elsewhere | [`acme`] |
//! | configuration | `finding`, `rules`, `report_form`, `expiry`, `layers`, `telemetry` |

pub mod acme;
pub mod activity;
pub mod body;
pub mod client_tls;
pub mod dial;
pub mod doctor;
pub mod drain;
pub mod hop;
pub mod lines;
pub mod listen;
pub mod outgoing;
pub mod probe;
mod reader_patience;
pub mod remembered;
pub mod runtime;
pub mod serve;
pub mod server_tls;
mod sidelined;
mod silence;
pub mod tunnel;
pub mod upstream;

mod code_page;
pub mod expiry;
pub mod finding;
pub mod layers;
pub mod report_form;
pub mod rules;
mod sarif;
pub mod telemetry;

pub mod certificate;
pub mod certificate_error;
pub mod distinguished_name;
pub mod forwarded_cert;
mod handshake_demand;
pub mod handshake_diagnosis;
pub mod handshake_failures;
pub mod handshake_policy;
mod handshake_refusal;
pub mod pem;
pub mod possession;
pub mod presented;
pub mod private_key;
pub mod regular_file;
pub mod revocation;
pub mod server_verifier;
pub mod stapling;
pub mod verify;

mod der;
mod key_exchange;
mod signature;
