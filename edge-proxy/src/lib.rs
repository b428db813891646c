//! edge-proxy

pub mod settings;
