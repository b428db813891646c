//! What has to come over the network before a request can be decided.
//!
//! A decision is a function of values and `now`, and waits for nothing. A plugin that lacks an answer refuses, and leaves an
//! errand with the exchange; whoever can wait runs it and decides the same request again. Whoever cannot, such as a
//! benchmark or a question asked offline, has the refusal, which says what is not known.

use std::sync::Arc;

use super::openid_connect::introspection::Question;
use super::openid_connect::provider::Provider;

/// Something to ask.
#[derive(Debug)]
pub enum Errand {
    /// Which keys a provider has now.
    Keys(Arc<Provider>),
    /// What an introspection endpoint says of a token.
    Introspection(Question),
    /// The fields of the request's body. They are with whoever holds the body, who reads them instead of running this.
    Fields,
}

impl Errand {
    /// What is not known, and who would know.
    pub fn unknown(&self) -> String {
        match self {
            Self::Keys(provider) => format!("the keys of {}", provider.issuer()),
            Self::Introspection(_) => "what the introspection endpoint says of the token".to_owned(),
            Self::Fields => "the fields of the body".to_owned(),
        }
    }

    /// Asks, and leaves the answer where the plugin will look for it. Takes as long as the provider's timeout at most. Gives
    /// the provider whose keys were asked for, if any were: there is nothing more to be had of him.
    pub async fn run(self) -> Option<Arc<Provider>> {
        match self {
            Self::Keys(provider) => {
                provider.ask_for_keys().await;
                Some(provider)
            }
            Self::Introspection(question) => {
                question.ask().await;
                None
            }
            Self::Fields => None,
        }
    }
}
