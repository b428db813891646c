//! The `acme` plugin while requests are served: challenges are answered before a route is looked for (Kong's answers in
//! its access phase, before whatever authenticates), and only for hosts that the plugin may order for.

use std::sync::Arc;

use http::{HeaderValue, Request, StatusCode};
use transport::acme::{Challenges, Domain, Profile, challenge_token};

use crate::host::without_port;
use crate::identity::Connection;
use crate::plugin::request_termination::Termination;

/// What is ordered of ACME servers, one profile a plugin.
#[derive(Debug, Default)]
pub struct Acme {
    /// The profiles.
    pub profiles: Vec<Arc<Profile>>,
}

impl Acme {
    /// The answer to a request for a challenge of `http-01`: its text, or 404 where nobody asked for it. `None`: the
    /// request is for something else. It comes by plain http, as the challenge does.
    pub fn answer<B>(
        &self,
        request: &Request<B>,
        (connection, host): (&Connection, &str),
        challenges: &Challenges,
    ) -> Option<Termination> {
        if self.profiles.is_empty() || connection.tls.is_some() {
            return None;
        }
        let token = challenge_token(request.uri().path())?;
        let domain = Domain::parse(without_port(host)).ok()?;
        if !self
            .profiles
            .iter()
            .any(|profile| profile.issued.allowed().permits(&domain))
        {
            return None;
        }
        let text = challenges.text(token);
        Some(Termination {
            status: if text.is_some() {
                StatusCode::OK
            } else {
                StatusCode::NOT_FOUND
            },
            content_type: Some(HeaderValue::from_static("text/plain; charset=utf-8")),
            body: text.map_or_else(|| "Not found\n".to_owned(), |text| text.to_string()),
        })
    }
}
