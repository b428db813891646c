//! Document and node settings → snapshot: everything that can be decided before a request comes is decided here, and
//! every problem is told at once.
//!
//! Codes of the findings made here:
//!
//! | code | says |
//! |---|---|
//! | `unreadable-file` | a file that a key names cannot be read or holds something else |
//! | `revocation-list` | a CRL file cannot be used |
//! | `invalid-reference` | an id in the document leads nowhere |
//! | `trust-store` | certificates that cannot vouch for anybody |
//! | `no-secure-source` | a `header-cert-auth` that nobody could feed |
//! | `insecure-source` (warning) | `secure_source: false` |
//! | `unstripped-header` | a certificate header that edges do not strip |
//! | `shared-authority` | one CA for edges and for clients in headers |
//! | `mtls-behind-edge` (warning) | a global `mtls-auth` will see the edge's certificate, not the clients' |
//! | `unverified-upstream` (warning) | `tls_verify: false` |
//! | `no-target` (warning) | a service whose upstream has no target that takes requests |
//! | `no-effect` (warning) | `tls_sans` where no name is looked at |
//! | `name-constraints` (warning) | a CA whose constraints refuse everybody |
//! | `stale-revocation-list` (warning) | a CRL that is stale already |
//! | `unknown-plugin`, `unsupported-plugin` | a name in `plugins`, or a plugin that is not enabled by it |
//! | `self-signed` (warning) | no `ssl_cert`: clients see a certificate made at start |
//! | `key-unusable`, `key-mismatch` | a private key, or a certificate, that the document refers to cannot be had, or they are no pair |
//! | `key-permissions` (warning) | every user of the machine can read a key, or a token's PIN |
//! | `pin-in-file` (warning) | a token's PIN stands in the configuration |
//! | `not-stapled` (warning) | an OCSP response that is stale, wrong, or about no certificate that is shown; a certificate for which none can be fetched |
//! | `must-staple` (warning) | a certificate whose clients insist on a stapled response, and none is there or fetched |
//! | `no-effect` (warning) | a certificate of `ssl_cert` that is never shown |
//! | `too-many-plugins` | more plugin names than a route looks through |
//! | `never-applies` (warning) | a plugin for no protocol that is spoken here |
//! | `unknown-order` (warning) | `ordering` by a plugin that the document does not have |
//! | `ordering` | plugins of which each would have to run before the other |
//! | `consumer-unknown` (warning) | a plugin for one consumer that runs before anybody knows who calls |
//! | `acl-judges-another` (warning) | an `acl` that judges the groups of another principal than the one before it |
//! | `plain-provider` (warning) | an OAuth2 provider that is asked without TLS |
//! | `unverified-provider` (warning) | an OAuth2 provider whose certificate is not verified |
//! | `never-bound` (warning) | `proof_of_possession_mtls: strict` where no certificate can come |
//! | `weak-credential` (warning) | a secret that is shorter than its digest |
//! | `unusable-credential` (warning) | a secret that is no base64, where a plugin says that it is |
//! | `unknown-principal` | `principals` requires what no plugin of the route authenticates before it |
//! | `principal-stands-back` (warning) | `principals` requires a plugin that lets requests pass unexamined |
//! | `ambiguous-header` | two principals that one header would tell of |
//! | `unused-tag` (warning) | `principals` wants a tag in common that nobody has |
//! | `certificate-expired`, `expires-soon` (warnings) | what has run out, or will within 30 days |
//! | `principal-not-judged` (warning) | of two authentications, one that no `acl` judges |
//! | `acl-before-authentication` (warning) | an `acl` that refuses everybody |
//! | `anonymous-allowed`, `default-consumer-allowed` (warnings) | who stands for others is in an allowed group |
//! | `empty-group` (warning) | a group of an `acl` that nobody is in |
//! | `nobody-passes` (warning) | an allow list of whose members nobody can be found |
//! | `unreachable-consumer` (warning) | a consumer whom no plugin can find |
//! | `contradictory-mapping` (warning) | a name that is mapped to two consumers |
//! | `second-route` (warning) | a route to what another protects, that protects less |
//! | `path-variant` (warning) | another spelling of a protected path goes by such a route |
//! | `method-variant` (warning) | another method than the protected ones goes by such a route |
//! | `prefix-neighbour` (warning) | an exempted prefix takes its neighbours along |
//! | `http-beside-certificate` (warning) | plain http on a route that needs the connection's certificate |
//! | `token-without-audience` (warning) | tokens for any service are taken |
//! | `key-in-query` (warning) | keys are taken out of the query |
//! | `unchecked-revocation` (warning) | `revocation_check_mode: SKIP` |
//! | `address-only-source` (warning) | certificates in headers rest on addresses alone |
//! | `trusts-the-world` (warning) | `trusted_ips` with every address in it |
//! | `not-yet` | a field that would decide, and is not built |
//! | `acme-directory-unusable` | `acme_directory` is not ours alone, or something in it cannot be used |
//! | `acme-unanswerable` | no listener could answer the challenge of an `acme` |
//! | `terms-not-accepted` (warning) | an `acme` without `tos_accepted` |
//! | `orders-for-anybody` (warning) | an `acme` with names that are not its operator's alone |
//! | `no-wildcard-certificate` (warning) | an `acme` with a wildcard among its domains |
//! | `bad-value` | a value that cannot be sent in a header, or a route that cannot be compiled |
//! | `too-many-problems` | how many errors, or warnings, are not shown |

mod acme;
mod ancestry;
mod bound;
mod certificate_auth;
mod certificates;
mod consumers;
mod credentials;
mod edges;
mod expiry;
mod handshakes;
mod holes;
mod live_routes;
mod openid_connect;
mod order;
mod plugins;
mod principals;
mod routes;
mod scopes;
mod services;
mod stapling;
mod trust;
mod upstream_tls;

use std::sync::Arc;

use rustls::pki_types::UnixTime;
use transport::finding::{Finding, Origin};

use self::certificates::Certificates;
use self::live_routes::LiveRoutes;
use crate::document::log::Log;
use crate::document::{Document, Place};
use crate::identity::HeaderSources;
use crate::plugin::openid_connect::provider::Provider;
use crate::proxy::client_address::RealIp;
use crate::proxy::owned_headers::OwnedHeaders;
use crate::settings::{Loaded, Settings};
use crate::snapshot::{RequestLimits, Snapshot};

/// Which generation a snapshot is.
#[derive(Debug)]
pub struct Generation {
    /// Counts up.
    pub number: u64,
    /// Of the document's bytes.
    pub hash: Box<str>,
    /// When it is made: dates are judged by it.
    pub now: UnixTime,
}

/// What every step of the compilation looks at, and where it puts its findings.
struct Compilation<'a> {
    node: &'a Loaded<Settings>,
    document: &'a Document,
    now: UnixTime,
    stores: trust::Stores,
    /// Of the configuration before: one that stays the same goes on.
    providers: &'a [Arc<Provider>],
    findings: Log,
}

impl Compilation<'_> {
    fn settings(&self) -> &Settings {
        &self.node.settings
    }

    fn report(&self, finding: Finding) {
        self.findings.push(finding);
    }

    fn has_errors(&self) -> bool {
        self.findings.has_errors()
    }

    /// An error about a key of the node settings.
    fn node_error(&self, code: &'static str, path: &str, message: impl Into<String>) {
        self.report(Finding::error(code, self.node.origin(path), path, message));
    }

    /// A value of the document that cannot be used.
    fn error_at(&self, place: Place, path: &str, message: &str) {
        self.report(Finding::error("bad-value", self.at(place), path, message));
    }

    fn at(&self, place: Place) -> Origin {
        self.document.origin(place)
    }
}

/// Compiles. There is a snapshot only if no finding is an error.
pub fn compile(
    node: &Loaded<Settings>,
    document: &Document,
    generation: Generation,
) -> (Option<Snapshot>, Vec<Finding>) {
    compile_after(node, document, generation, &[])
}

/// The same, in the place of a configuration with these providers: one that stays the same goes on with what it knows.
pub fn compile_after(
    node: &Loaded<Settings>,
    document: &Document,
    generation: Generation,
    providers: &[Arc<Provider>],
) -> (Option<Snapshot>, Vec<Finding>) {
    let compilation = Compilation {
        node,
        document,
        now: generation.now,
        stores: trust::Stores::default(),
        providers,
        findings: Log::new(Arc::clone(&document.source)),
    };
    let snapshot = build(&compilation, generation);
    let snapshot = snapshot.filter(|_| !compilation.has_errors());
    (snapshot, compilation.findings.into_findings())
}

/// The routes that requests can take, in the order of a snapshot's.
pub fn live_routes(document: &Document) -> Vec<&crate::document::Route> {
    LiveRoutes::of(document).all
}

/// Every step runs, whatever the ones before have found; `None` only where nothing could be built.
fn build(compilation: &Compilation<'_>, generation: Generation) -> Option<Snapshot> {
    let settings = compilation.settings();
    let consumers = consumers::compile(compilation);
    let authorities = trust::Authorities::compile(compilation);
    let edges = edges::compile(compilation);
    let issuers = edges::issuers_of_edges(compilation);
    edges::check(compilation, &issuers);
    let certificates = Certificates::compile(compilation);
    let plugins = plugins::compile(compilation, &consumers, (&authorities, &certificates));
    let services = services::compile(compilation, &authorities, &certificates);
    let live = LiveRoutes::of(compilation.document);
    let scopes = scopes::compile(compilation, &plugins, &consumers);
    let table = routes::compile(compilation, &live, &scopes, &services);
    let shown = handshakes::chooser(compilation, &certificates);
    let acme = acme::compile(compilation, shown.as_ref().map(|(shown, _)| shown));
    let validities = trust::validities(compilation, (&authorities, &certificates), edges.as_ref());
    expiry::check(compilation, (&authorities, &certificates), edges.as_ref());
    let (shown, fetching) = shown?;
    let handshakes = handshakes::compile(compilation, &live, (&plugins, edges.as_ref()), (shown, &acme));
    let table = table?;
    holes::check(compilation, &live, (&table, &consumers), &issuers);
    Some(Snapshot {
        generation: generation.number,
        configuration_hash: generation.hash,
        router: table.router,
        routes: table.routes,
        consumers,
        sources: HeaderSources {
            edges,
            addresses: settings.trusted_ips.clone().into(),
        },
        real_ip: RealIp {
            header: settings.real_ip_header.clone(),
            recursive: settings.real_ip_recursive,
        },
        owned: OwnedHeaders::with(plugins.certificate_headers()),
        handshakes: handshakes?,
        acme,
        fetching,
        limits: RequestLimits {
            header_line: settings.large_client_header_buffers.line,
            head: settings.large_client_header_buffers.total,
            body: settings.client_max_body_size,
        },
        response_headers: settings.headers,
        upstream_headers: settings.headers_upstream,
        providers: plugins.providers.clone(),
        warnings: Box::default(),
        validities,
    })
}
