//! `correlation-id`: a name for a request, the same at every hop.

use http::HeaderName;

use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::Located;

/// The configuration of `correlation-id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrelationIdConfig {
    /// The header that carries it.
    pub header_name: Located<HeaderName>,
    /// What is written there if the client wrote nothing.
    pub generator: CorrelationIdGenerator,
    /// Whether the answer carries it too.
    pub echo_downstream: bool,
}

/// `generator`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CorrelationIdGenerator {
    /// A random UUID for each request.
    Uuid,
    /// One UUID for the process, and a number for each request.
    UuidCounter,
    /// Address, port, process, connection, request and time.
    Tracker,
}

const GENERATORS: &[(&str, CorrelationIdGenerator)] = &[
    ("uuid", CorrelationIdGenerator::Uuid),
    ("uuid#counter", CorrelationIdGenerator::UuidCounter),
    ("tracker", CorrelationIdGenerator::Tracker),
];

pub(super) fn read(at: At<'_>) -> Option<CorrelationIdConfig> {
    let mut fields = Fields::open(at)?;
    let unset = at.located(HeaderName::from_static("kong-request-id"));
    let header_name = fields.or("header_name", unset, rule::located(rule::header_name));
    let generator = fields.or(
        "generator",
        CorrelationIdGenerator::UuidCounter,
        rule::one_of(GENERATORS),
    );
    let echo_downstream = fields.or("echo_downstream", false, rule::boolean);
    fields.close();
    Some(CorrelationIdConfig {
        header_name,
        generator,
        echo_downstream,
    })
}
