//! Introspection: where tokens are asked about, and as whom.

use std::sync::Arc;

use http::HeaderValue;

use super::Builder;
use crate::document::Place;
use crate::document::plugin::openid_connect::{
    Calls, ClientAuthenticationMethod, IntrospectionConfig, OpenIdConnectConfig,
};
use crate::plugin::openid_connect::introspection::{self, ClientAuthentication, Form, Introspector};
use crate::plugin::openid_connect::provider::Provider;
use crate::secret::Secret;

impl Builder<'_, '_> {
    pub(super) fn introspector(
        &self,
        config: &OpenIdConnectConfig,
        introspection: &IntrospectionConfig,
        provider: &Arc<Provider>,
        place: Place,
    ) -> Option<Introspector> {
        let calls = &config.calls;
        let authentication = self.authentication(calls, introspection, place)?;
        let shows_certificate = matches!(authentication, ClientAuthentication::Certificate { .. });
        let endpoint = introspection
            .endpoint_mtls
            .as_ref()
            .filter(|_| shows_certificate)
            .or(introspection.endpoint.as_ref());
        if let Some(endpoint) = endpoint {
            self.check_scheme(&[&endpoint.value], endpoint.place);
        }
        let identity = match calls.certificate {
            Some(id) if shows_certificate => Some(self.certificate(id)?),
            Some(_) | None => None,
        };
        if shows_certificate {
            self.check_verified(calls.certificate_ssl_verify, "config.tls_client_auth_ssl_verify");
        }
        let verified = if shows_certificate {
            calls.certificate_ssl_verify.value
        } else {
            calls.ssl_verify.value
        };
        // Where the provider names the endpoint, it is not known yet whether TLS is spoken there.
        let over_tls = endpoint.map_or(config.issuer.uri.scheme_str() == Some("https"), |endpoint| {
            endpoint.value.scheme_str() == Some("https")
        }) || calls.has_proxy_over_tls();
        Some(Introspector::new(introspection::Parts {
            provider: Arc::clone(provider),
            endpoint: endpoint.map(|endpoint| endpoint.value.clone()),
            client: self.client(calls, identity, (verified && over_tls, place))?,
            authentication,
            form: Form {
                parameter: introspection.parameter.as_str().into(),
                hint: introspection.hint.as_deref().map(Into::into),
                arguments: introspection
                    .arguments
                    .iter()
                    .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                    .collect(),
                headers: introspection.headers.iter().cloned().collect(),
                accept: introspection.accept.clone(),
            },
            believe_for: config.cache_ttl,
            remembers: introspection.cached,
            leeway: config.leeway,
        }))
    }

    fn authentication(
        &self,
        calls: &Calls,
        introspection: &IntrospectionConfig,
        place: Place,
    ) -> Option<ClientAuthentication> {
        let by_certificate = calls.certificate.is_some();
        let method = introspection
            .authentication
            .unwrap_or(match (&calls.client_secret, by_certificate) {
                (_, true) => ClientAuthenticationMethod::Certificate,
                (Some(_), false) => ClientAuthenticationMethod::Basic,
                (None, false) => ClientAuthenticationMethod::Nothing,
            });
        let lacks = |field: &str| {
            let message = format!("required field missing: introspection needs {field}");
            self.compilation
                .error_at(place, &format!("config.{field}"), &message);
        };
        let id = calls.client_id.as_deref();
        let secret = calls.client_secret.as_ref();
        Some(match (method, id, secret) {
            (ClientAuthenticationMethod::Basic, Some(id), Some(secret)) => {
                ClientAuthentication::Basic(basic(id, secret)?)
            }
            (ClientAuthenticationMethod::Post, Some(id), Some(secret)) => ClientAuthentication::Post {
                id: id.into(),
                secret: secret.clone(),
            },
            (ClientAuthenticationMethod::Certificate, Some(id), _) if by_certificate => {
                ClientAuthentication::Certificate { id: id.into() }
            }
            (ClientAuthenticationMethod::Nothing, id, _) => ClientAuthentication::Nothing {
                id: id.map(Into::into),
            },
            (ClientAuthenticationMethod::Certificate, Some(_), _) => {
                lacks("tls_client_auth_cert_id");
                return None;
            }
            (_, None, _) => {
                lacks("client_id");
                return None;
            }
            (_, Some(_), None) => {
                lacks("client_secret");
                return None;
            }
        })
    }
}

/// `Authorization` of a client (RFC 6749 §2.3.1): both parts form-encoded first. A space becomes `%20`, not `+`: both mean
/// it, and servers that undo nothing but percent signs are among those that people use.
fn basic(id: &str, secret: &Secret) -> Option<HeaderValue> {
    use base64::Engine as _;
    let encoded = |text: &str| {
        let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        text.replace('+', "%20")
    };
    let pair = format!("{}:{}", encoded(id), encoded(secret.expose()));
    let mut value = HeaderValue::try_from(format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    ))
    .ok()?;
    value.set_sensitive(true);
    Some(value)
}
