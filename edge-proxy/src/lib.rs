//! edge-proxy
