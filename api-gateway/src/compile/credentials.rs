//! The document's credentials as indexes, and the plugins that look in them. An index is made only where a plugin needs
//! it, once for all of its instances.

mod jwt_secrets;

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::pki_types::UnixTime;
use transport::finding::Finding;
use uuid::Uuid;

use self::jwt_secrets::SecretForm;
use super::Compilation;
use super::certificate_auth::fallback;
use crate::consumer::Consumers;
use crate::credential::{JwtSecrets, Keys, Owner, PasswordHash, Passwords};
use crate::document::plugin::basic_auth::BasicAuthConfig;
use crate::document::plugin::jwt::JwtConfig;
use crate::document::plugin::key_auth::KeyAuthConfig;
use crate::document::{BasicauthCredential, End, KeyauthCredential};
use crate::plugin::basic_auth::BasicAuth;
use crate::plugin::credential_auth::{Challenges, CredentialAuth, Preflight};
use crate::plugin::jwt::{ClaimRules, Jwt, Places};
use crate::plugin::key_auth::{self, KeyAuth, KeyName};

/// What all instances share.
pub(super) struct Credentials<'c, 'a> {
    compilation: &'c Compilation<'a>,
    consumers: &'c Consumers,
    keys: OnceCell<Arc<Keys>>,
    passwords: OnceCell<Arc<Passwords>>,
    /// As they stand there, and as base64 of the secrets proper (`secret_is_base64`).
    jwt_secrets: [OnceCell<Arc<JwtSecrets>>; 2],
}

impl<'c, 'a> Credentials<'c, 'a> {
    pub(super) fn new(compilation: &'c Compilation<'a>, consumers: &'c Consumers) -> Self {
        check_stored_passwords(compilation);
        Self {
            compilation,
            consumers,
            keys: OnceCell::new(),
            passwords: OnceCell::new(),
            jwt_secrets: Default::default(),
        }
    }

    pub(super) fn key_auth(&self, config: &KeyAuthConfig) -> KeyAuth {
        let name = |(text, header): &(String, _)| KeyName {
            argument: text.as_str().into(),
            header: http::HeaderName::clone(header),
        };
        KeyAuth {
            auth: CredentialAuth {
                anonymous: fallback(config.anonymous.as_ref(), self.consumers),
                preflight: config.run_on_preflight,
                challenges: same_for_all(&config.challenge),
            },
            names: config
                .key_names
                .iter()
                .map(|located| name(&located.value))
                .collect(),
            places: key_auth::Places {
                header: config.key_in_header,
                query: config.key_in_query,
                body: config.key_in_body,
            },
            visibility: config.hide_credentials,
            keys: Arc::clone(self.keys.get_or_init(|| Arc::new(self.all_keys()))),
        }
    }

    pub(super) fn basic_auth(&self, config: &BasicAuthConfig) -> BasicAuth {
        BasicAuth {
            auth: CredentialAuth {
                anonymous: fallback(config.anonymous.as_ref(), self.consumers),
                // Kong has no switch for it here.
                preflight: Preflight::Authenticated,
                challenges: same_for_all(&config.challenge),
            },
            visibility: config.hide_credentials,
            passwords: Arc::clone(self.passwords.get_or_init(|| Arc::new(self.all_passwords()))),
        }
    }

    pub(super) fn jwt(&self, config: &JwtConfig) -> Jwt {
        let texts = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        Jwt {
            auth: CredentialAuth {
                anonymous: fallback(config.anonymous.as_ref(), self.consumers),
                preflight: config.run_on_preflight,
                challenges: config.challenges.clone(),
            },
            places: Places {
                arguments: texts(&config.uri_param_names),
                cookies: texts(&config.cookie_names),
                headers: config
                    .header_names
                    .iter()
                    .map(|name| name.value.clone())
                    .collect(),
            },
            key_claim: config.key_claim_name.as_str().into(),
            rules: ClaimRules {
                expiry: config.verifies_exp,
                begin: config.verifies_nbf,
                furthest_end: config.maximum_expiration,
            },
            secrets: self.secrets(if config.secret_is_base64 {
                SecretForm::Base64
            } else {
                SecretForm::Plain
            }),
        }
    }

    /// An instance's secrets. What cannot be used is told here.
    fn secrets(&self, form: SecretForm) -> Arc<JwtSecrets> {
        let [plain, base64] = &self.jwt_secrets;
        let cell = match form {
            SecretForm::Plain => plain,
            SecretForm::Base64 => base64,
        };
        let made = || Arc::new(jwt_secrets::all(self.compilation, self.consumers, form));
        Arc::clone(cell.get_or_init(made))
    }

    /// Whether every secret can be used, also where no plugin does.
    pub(super) fn check(&self) {
        if self.jwt_secrets.iter().all(|made| made.get().is_none()) {
            self.secrets(SecretForm::Plain);
        }
    }

    fn all_keys(&self) -> Keys {
        let credentials = &self.compilation.document.keyauth_credentials;
        let mut keys = Keys::with_capacity(credentials.len());
        for credential in credentials {
            let KeyauthCredential {
                id,
                consumer,
                key,
                end,
                ..
            } = credential;
            let Some(consumer) = self.consumers.by_id(*consumer) else {
                continue;
            };
            let key = Keys::fingerprint(key.expose().as_bytes());
            let until = until(*end, self.compilation.now);
            let name = id.to_string();
            keys.add(key, Owner::new(consumer, identifier(*id), (&name, key), until));
        }
        keys
    }

    fn all_passwords(&self) -> Passwords {
        let document = self.compilation.document;
        let credentials = &document.basicauth_credentials;
        let mut passwords = Passwords::new(credentials.len(), document.is_transformed);
        for credential in credentials {
            let hash = hash(credential, document.is_transformed);
            let Some((consumer, hash)) = self.consumers.by_id(credential.consumer).zip(hash) else {
                continue;
            };
            let mark = (credential.username.as_str(), hash.fingerprint());
            // Kong's `X-Credential-Identifier` is the user name here, and the id for `key-auth` alone.
            let name = HeaderValue::from_bytes(credential.username.as_bytes()).ok();
            let owner = Owner::new(consumer, name, mark, None);
            passwords.add(&credential.username, credential.consumer, hash, owner);
        }
        passwords
    }
}

fn same_for_all(challenge: &HeaderValue) -> Challenges {
    Challenges {
        absent: challenge.clone(),
        invalid: challenge.clone(),
    }
}

/// `X-Credential-Identifier` of `key-auth`: the credential's id.
fn identifier(id: Uuid) -> Option<HeaderValue> {
    HeaderValue::try_from(id.to_string()).ok()
}

/// The last second in which a key is good.
fn until(end: End, now: UnixTime) -> Option<UnixTime> {
    let last = match end {
        End::Never => return None,
        End::At(end) => end.saturating_sub(1),
        End::AfterLoad(seconds) => now.as_secs().saturating_add(seconds).saturating_sub(1),
    };
    Some(UnixTime::since_unix_epoch(Duration::from_secs(last)))
}

fn hash(credential: &BasicauthCredential, is_transformed: bool) -> Option<PasswordHash> {
    let password = credential.password.value.expose();
    if is_transformed {
        Some(PasswordHash::of(password.as_bytes(), credential.consumer))
    } else {
        PasswordHash::stored(password)
    }
}

/// With `_transform: false` a password is what Kong stores of it. One that is not would match nothing, in silence.
fn check_stored_passwords(compilation: &Compilation<'_>) {
    let document = compilation.document;
    if document.is_transformed {
        return;
    }
    let unusable = |credential: &&BasicauthCredential| hash(credential, false).is_none();
    for credential in document.basicauth_credentials.iter().filter(unusable) {
        let message = "with _transform: false the password is what Kong stores of it: SHA-1 of the password and the consumer's id, forty hexadecimal digits";
        compilation.report(Finding::error(
            "bad-value",
            compilation.at(credential.password.place),
            "basicauth_credentials.password",
            message,
        ));
    }
}
