//! The plugins that there are, by name: when each runs, and what it is there for.

/// The plugins that this gateway has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PluginKind {
    /// `acl`.
    Acl,
    /// `basic-auth`.
    BasicAuth,
    /// `correlation-id`.
    CorrelationId,
    /// `header-cert-auth`.
    HeaderCertAuth,
    /// `ip-restriction`.
    IpRestriction,
    /// `jwt`.
    Jwt,
    /// `key-auth`.
    KeyAuth,
    /// `mtls-auth`.
    MtlsAuth,
    /// `openid-connect`.
    OpenIdConnect,
    /// `principals`.
    Principals,
    /// `request-termination`.
    RequestTermination,
}

impl PluginKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Acl,
        Self::BasicAuth,
        Self::CorrelationId,
        Self::HeaderCertAuth,
        Self::IpRestriction,
        Self::Jwt,
        Self::KeyAuth,
        Self::MtlsAuth,
        Self::OpenIdConnect,
        Self::Principals,
        Self::RequestTermination,
    ];

    /// Kong's name, or ours.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acl => "acl",
            Self::BasicAuth => "basic-auth",
            Self::CorrelationId => "correlation-id",
            Self::HeaderCertAuth => "header-cert-auth",
            Self::IpRestriction => "ip-restriction",
            Self::Jwt => "jwt",
            Self::KeyAuth => "key-auth",
            Self::MtlsAuth => "mtls-auth",
            Self::OpenIdConnect => "openid-connect",
            Self::Principals => "principals",
            Self::RequestTermination => "request-termination",
        }
    }

    /// Kong's priority for the original under its own name; decided where Kong has none.
    pub fn priority(self) -> i32 {
        match self {
            Self::Acl => 950,
            Self::BasicAuth => 1100,
            Self::CorrelationId => 100_001,
            Self::HeaderCertAuth => 1009,
            Self::IpRestriction => 990,
            Self::Jwt => 1450,
            Self::KeyAuth => 1250,
            Self::MtlsAuth => 1600,
            Self::OpenIdConnect => 1050,
            Self::Principals => 960,
            Self::RequestTermination => 2,
        }
    }

    /// Whether it finds out who calls.
    pub fn authenticates(self) -> bool {
        match self {
            Self::BasicAuth
            | Self::HeaderCertAuth
            | Self::Jwt
            | Self::KeyAuth
            | Self::MtlsAuth
            | Self::OpenIdConnect => true,
            Self::Acl
            | Self::CorrelationId
            | Self::IpRestriction
            | Self::Principals
            | Self::RequestTermination => false,
        }
    }

    /// Whether it may be configured for one consumer or one consumer group. Those that decide who the consumer is, or
    /// judge it, may not: Kong refuses it.
    pub fn may_depend_on_consumer(self) -> bool {
        match self {
            Self::Acl
            | Self::BasicAuth
            | Self::HeaderCertAuth
            | Self::Jwt
            | Self::KeyAuth
            | Self::MtlsAuth
            | Self::OpenIdConnect
            | Self::Principals => false,
            Self::CorrelationId | Self::IpRestriction | Self::RequestTermination => true,
        }
    }
}
