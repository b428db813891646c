//! api-gateway

pub mod document;
