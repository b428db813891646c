//! What a plugin does, as far as holes are concerned. A new plugin has to say it here.

use std::collections::HashSet;

use uuid::Uuid;

use crate::document::plugin::acl::AclConfig;
use crate::document::plugin::certificate_auth::{CertificateAuth, ConsumerBy};
use crate::document::plugin::named_consumer::NamedConsumer;
use crate::document::plugin::openid_connect::{self, OpenIdConnectConfig};
use crate::document::plugin::principals::PrincipalsConfig;
use crate::document::{self, Located, PluginConfig};

/// What a plugin does.
pub(super) enum Duty<'d> {
    /// It finds out who calls.
    Authenticates(Authentication<'d>),
    /// It judges groups.
    Judges(&'d AclConfig),
    /// It judges everybody who was found.
    JudgesAll(&'d PrincipalsConfig),
    /// None of these.
    Other,
}

/// How a plugin finds out who calls.
pub(super) struct Authentication<'d> {
    /// What it looks at.
    pub(super) evidence: Evidence,
    /// Whether its word is a consumer.
    pub(super) search: Search,
    /// Whether its word is groups that no document lists.
    pub(super) names_groups: bool,
    /// Who a request is made for that shows nothing good.
    pub(super) anonymous: Option<&'d Located<NamedConsumer>>,
    /// Who a good credential stands for that matches nobody.
    pub(super) default: Option<&'d Located<NamedConsumer>>,
    /// What consumers are found by without anything in the document that says so.
    pub(super) known_by: Vec<KnownBy>,
    /// Whether whom it finds may be an edge, who speaks for others.
    pub(super) accepts_edges: bool,
    /// The CAs that it trusts.
    pub(super) authorities: &'d [Located<Uuid>],
}

/// Whether a consumer is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// Whoever has none is refused.
    Needed,
    /// Whoever has none is let pass.
    Wanted,
    /// None is.
    Left,
}

/// A name of a consumer's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum KnownBy {
    Username,
    CustomId,
    Id,
}

/// What an authentication looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Evidence {
    /// The certificate of the connection.
    Socket,
    /// A certificate in a header.
    Header,
    /// A key.
    Key,
    /// A user name and a password.
    Password,
    /// A token that a consumer signs.
    OwnToken,
    /// A token that a provider issues.
    Token,
}

impl<'d> Duty<'d> {
    pub(super) fn of(entity: &'d document::Plugin, issuers_of_edges: &HashSet<Uuid>) -> Self {
        let mut duty = Self::by_config(entity);
        if let Self::Authenticates(own) = &mut duty {
            let mut authorities = own.authorities.iter();
            own.accepts_edges = own.evidence == Evidence::Socket
                && authorities.any(|id| issuers_of_edges.contains(&id.value));
        }
        duty
    }

    fn by_config(entity: &'d document::Plugin) -> Self {
        match &entity.config {
            PluginConfig::Acl(config) => Self::Judges(config),
            PluginConfig::BasicAuth(config) => {
                Self::credential(Evidence::Password, config.anonymous.as_ref())
            }
            PluginConfig::HeaderCertAuth(config) => Self::certificate(&config.auth, Evidence::Header),
            PluginConfig::Jwt(config) => Self::credential(Evidence::OwnToken, config.anonymous.as_ref()),
            PluginConfig::KeyAuth(config) => Self::credential(Evidence::Key, config.anonymous.as_ref()),
            PluginConfig::MtlsAuth(config) => Self::certificate(&config.auth, Evidence::Socket),
            PluginConfig::OpenIdConnect(config) => Self::token(config),
            PluginConfig::Principals(config) => Self::JudgesAll(config),
            PluginConfig::Acme(_)
            | PluginConfig::CorrelationId(_)
            | PluginConfig::IpRestriction(_)
            | PluginConfig::RequestTermination(_) => Self::Other,
        }
    }

    fn certificate(config: &'d CertificateAuth, evidence: Evidence) -> Self {
        let looks_up = !config.skip_consumer_lookup;
        let by = config.consumer_by.iter().filter(|_| looks_up);
        let known_by = by.map(|name| match name {
            ConsumerBy::Username => KnownBy::Username,
            ConsumerBy::CustomId => KnownBy::CustomId,
        });
        Self::Authenticates(Authentication {
            search: if looks_up { Search::Needed } else { Search::Left },
            known_by: known_by.collect(),
            names_groups: !looks_up && config.authenticated_group_by.is_some(),
            default: config.default_consumer.as_ref().filter(|_| looks_up),
            authorities: &config.ca_certificates,
            ..Authentication::by_credentials(evidence, config.anonymous.as_ref())
        })
    }

    fn credential(evidence: Evidence, anonymous: Option<&'d Located<NamedConsumer>>) -> Self {
        Self::Authenticates(Authentication::by_credentials(evidence, anonymous))
    }

    fn token(config: &'d OpenIdConnectConfig) -> Self {
        let looks_up = !config.consumer_claims.is_empty();
        let by = config.consumer_by.iter().filter(|_| looks_up);
        let known_by = by.map(|name| match name {
            openid_connect::ConsumerBy::Username => KnownBy::Username,
            openid_connect::ConsumerBy::CustomId => KnownBy::CustomId,
            openid_connect::ConsumerBy::Id => KnownBy::Id,
        });
        Self::Authenticates(Authentication {
            search: match (looks_up, config.consumer_optional) {
                (false, _) => Search::Left,
                (true, true) => Search::Wanted,
                (true, false) => Search::Needed,
            },
            known_by: known_by.collect(),
            names_groups: config.authenticated_groups_claim.is_some(),
            ..Authentication::by_credentials(Evidence::Token, config.anonymous.as_ref())
        })
    }

    pub(super) fn authentication(&self) -> Option<&Authentication<'d>> {
        match self {
            Self::Authenticates(authentication) => Some(authentication),
            Self::Judges(_) | Self::JudgesAll(_) | Self::Other => None,
        }
    }
}

impl<'d> Authentication<'d> {
    /// One that finds consumers by entities of the document alone.
    fn by_credentials(evidence: Evidence, anonymous: Option<&'d Located<NamedConsumer>>) -> Self {
        Self {
            evidence,
            search: Search::Needed,
            names_groups: false,
            accepts_edges: false,
            anonymous,
            default: None,
            known_by: Vec::new(),
            authorities: &[],
        }
    }

    /// Whether its word is a consumer.
    pub(super) fn finds_consumers(&self) -> bool {
        self.search != Search::Left
    }

    /// Whether nobody passes who does not show something good.
    pub(super) fn is_required(&self) -> bool {
        self.anonymous.is_none()
    }

    /// Whether its word is groups, if perhaps none: a certificate that stands for no consumer stands for those.
    pub(super) fn says_groups(&self) -> bool {
        let is_certificate = matches!(self.evidence, Evidence::Socket | Evidence::Header);
        self.names_groups || is_certificate && !self.finds_consumers()
    }

    /// Whether it judges although `earlier` has found somebody already. With `anonymous` it does not, but the client that
    /// stands behind a carrier's certificate is judged all the same.
    pub(super) fn overrules(&self, earlier: &Self) -> bool {
        let is_carried = self.evidence == Evidence::Header && earlier.evidence == Evidence::Socket;
        self.is_required() || is_carried || earlier.accepts_edges
    }
}
