//! api-gateway

pub mod document;
pub mod settings;
