//! Plugins as one closed enum, the chain of them that a route runs, and the scopes that choose a configuration.
//!
//! A chain is a list of slots, sorted once when the document is compiled: priority, greatest first; of equals, the
//! alphabetically greater name first; then moved by `ordering`.

pub mod acl;
pub mod basic_auth;
pub mod certificate_auth;
mod chain;
pub mod correlation_id;
pub mod credential_auth;
pub mod errand;
pub mod fallback;
pub mod header_cert_auth;
pub mod ip_restriction;
pub mod jwt;
pub mod key_auth;
pub mod mtls_auth;
pub mod openid_connect;
pub mod principals;
pub mod request_termination;
pub mod scope;

use std::sync::Arc;

use rustls::pki_types::UnixTime;

use self::acl::Acl;
use self::basic_auth::BasicAuth;
use self::correlation_id::CorrelationId;
use self::header_cert_auth::HeaderCertAuth;
use self::ip_restriction::IpRestriction;
use self::jwt::Jwt;
use self::key_auth::KeyAuth;
use self::mtls_auth::MtlsAuth;
use self::openid_connect::OpenIdConnect;
use self::principals::Principals;
use self::request_termination::RequestTermination;
use crate::consumer::ConsumerKey;
use crate::document::Place;
use crate::exchange::{Exchange, Principal, Proof};
use crate::rejection::Rejection;

pub use self::chain::{Chain, Refused, Slot};

/// A plugin's configuration, and where it stands: who asks why a request was refused wants the line.
#[derive(Debug)]
pub struct Configured {
    /// The place of its entity in the document.
    pub place: Place,
    /// The configuration, compiled.
    pub plugin: Plugin,
}

/// A plugin with its configuration compiled.
#[derive(Debug)]
pub enum Plugin {
    /// Judges the caller's groups.
    Acl(Acl),
    /// Authenticates by user name and password.
    BasicAuth(BasicAuth),
    /// Names the request.
    CorrelationId(CorrelationId),
    /// Authenticates by a certificate in a header.
    HeaderCertAuth(HeaderCertAuth),
    /// Judges the client's address.
    IpRestriction(IpRestriction),
    /// Authenticates by a token that a consumer signed.
    Jwt(Jwt),
    /// Authenticates by a key.
    KeyAuth(KeyAuth),
    /// Authenticates by the certificate of the connection.
    MtlsAuth(MtlsAuth),
    /// Authenticates by an access token.
    OpenIdConnect(Box<OpenIdConnect>),
    /// Judges everybody who was authenticated, and how they belong together.
    Principals(Principals),
    /// Answers in the upstream's place.
    RequestTermination(RequestTermination),
}

impl Plugin {
    fn access(&self, name: &Arc<str>, exchange: &mut Exchange<'_>) -> Result<(), Rejection> {
        match self {
            Self::Acl(plugin) => plugin.access(exchange),
            Self::BasicAuth(plugin) => plugin.access(name, exchange),
            Self::CorrelationId(plugin) => {
                plugin.access(exchange);
                Ok(())
            }
            Self::HeaderCertAuth(plugin) => plugin.access(name, exchange),
            Self::IpRestriction(plugin) => plugin.access(exchange),
            Self::Jwt(plugin) => plugin.access(name, exchange),
            Self::KeyAuth(plugin) => plugin.access(name, exchange),
            Self::MtlsAuth(plugin) => plugin.access(name, exchange),
            Self::OpenIdConnect(plugin) => plugin.access(name, exchange),
            Self::Principals(plugin) => plugin.access(exchange),
            Self::RequestTermination(plugin) => plugin.access(exchange),
        }
    }

    /// Whether letting a request pass is a judgement of it, and the log should name this plugin for it.
    fn decides(&self) -> bool {
        match self {
            Self::Acl(_)
            | Self::BasicAuth(_)
            | Self::HeaderCertAuth(_)
            | Self::IpRestriction(_)
            | Self::Jwt(_)
            | Self::KeyAuth(_)
            | Self::MtlsAuth(_)
            | Self::OpenIdConnect(_)
            | Self::Principals(_) => true,
            Self::CorrelationId(_) | Self::RequestTermination(_) => false,
        }
    }

    /// Whom a bearer credential that this plugin admitted before leads to by what is in force now, if it still does.
    pub fn still_admits(&self, principal: &Principal, now: UnixTime) -> Option<ConsumerKey> {
        let Proof::Bearer(identity) = &principal.proof else {
            return None;
        };
        let owner = match self {
            Self::BasicAuth(plugin) => plugin.find_again(identity),
            Self::Jwt(plugin) => plugin.find_again(principal.credential.as_ref()?, identity, now),
            Self::KeyAuth(plugin) => plugin.find_again(identity, now),
            Self::Acl(_)
            | Self::CorrelationId(_)
            | Self::HeaderCertAuth(_)
            | Self::IpRestriction(_)
            | Self::MtlsAuth(_)
            | Self::OpenIdConnect(_)
            | Self::Principals(_)
            | Self::RequestTermination(_) => None,
        };
        owner.map(|owner| owner.consumer)
    }
}
