//! api-gateway

pub mod document;
pub mod router;
pub mod settings;
