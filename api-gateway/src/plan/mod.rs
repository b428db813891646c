//! `plan`: what a change of the declarative document would let whom do, and forbid whom to do.
//!
//! Two questions have no end, which requests there are and who could send them. Both are cut down to what the documents
//! can tell apart:
//!
//! - requests (`requests`): for every route of either document its own and its neighbours';
//! - senders: names that a certificate could hold (`people`), authorities that could have issued it (`holder`), with what
//!   they say of it now; in classes, of which one stands for all (`classes`).
//!
//! What is left is tried with the request path itself (`bench`): [`crate::proxy::verdict::Verdict`] decides about each
//! sender and each request, once by the old configuration and once by the new one. No rule is told a second time here;
//! only the signature of an authority whose key we do not have is supposed.

mod answer;
mod attempt;
mod bench;
mod bonds;
mod chain_facts;
pub mod change;
mod classes;
pub mod command;
mod diff;
mod grants;
mod holder;
mod instances;
mod json;
mod name_pattern;
mod names;
mod naming;
mod passes;
mod path_witness;
mod people;
mod presented;
mod progress;
mod report;
pub mod request;
mod requests;
mod shape;
mod shown;
mod side;
mod signer;
mod slot_key;
mod stage;
mod subject;
#[cfg(test)]
mod tests;
mod token_finders;
mod token_sense;
mod trial;
mod unseen;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use http::Method;
use rustls::pki_types::UnixTime;
use tracing::subscriber::NoSubscriber;
use transport::finding::Report;

use self::bench::Bench;
use self::change::{Change, Direction};
use self::diff::Diff;
use self::passes::Substitution;
use self::request::{PlannedRequest, Scheme};
use self::requests::for_each_request;
use self::shape::{Shape, add_witnesses, unique};
use self::stage::Stages;
use self::token_finders::TokenFinders;
use self::unseen::unseen;

pub use self::progress::Progress;
pub use self::side::Side;
pub use self::unseen::Unseen;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No certificate could be made to try with.
    #[error("cannot make a certificate to try with: {0}")]
    Certificate(#[from] rcgen::Error),
    /// With other secrets, a document that was good is not.
    #[error("cannot put other secrets into a document: {0}")]
    Secrets(Report),
}

/// What changes from one configuration to another.
#[derive(Debug)]
pub struct Plan {
    /// Gains first, then losses, then the rest; what concerns most comes first.
    pub changes: Vec<Change>,
    /// How many pairs of routes were compared.
    pub compared: usize,
    /// Routes of which not everything can be said.
    pub unseen: Vec<Unseen>,
}

impl Plan {
    /// Compares the old side with the new one. Their snapshots must be of different generations.
    ///
    /// # Errors
    /// [`PlanError`]: nothing was compared.
    pub fn between(sides: &[Side; 2], now: UnixTime, progress: &mut Progress) -> Result<Self, PlanError> {
        // What the request path logs about requests that nobody sent is nobody's business.
        tracing::subscriber::with_default(NoSubscriber::default(), || Self::compare(sides, now, progress))
    }

    fn compare(sides: &[Side; 2], now: UnixTime, progress: &mut Progress) -> Result<Self, PlanError> {
        let mut documents = [0, 1].map(|side: usize| sides[side].document.clone());
        let [old, new] = &mut documents;
        let (substitution, has_changed) = Substitution::of([old, new], now);
        if !has_changed {
            return Self::of(sides, substitution, now, progress);
        }
        let [old, new] = documents;
        let compiled = |side: usize, document| sides[side].with(document, now).map_err(PlanError::Secrets);
        Self::of(
            &[compiled(0, old)?, compiled(1, new)?],
            substitution,
            now,
            progress,
        )
    }

    fn of(
        sides: &[Side; 2],
        substitution: Substitution,
        now: UnixTime,
        progress: &mut Progress,
    ) -> Result<Self, PlanError> {
        let token_finders = TokenFinders::of(sides);
        let passes = substitution.passes(sides, &token_finders);
        let bench = Bench::new(sides, (passes, token_finders), now)?;
        let requests = distinct_requests(&bench, progress);
        let mut stages = Stages::new(&bench);
        let mut diff = Diff::new(&bench);
        for (position, (key, request)) in requests.iter().enumerate() {
            progress.step(position, requests.len(), "pairs of routes compared");
            let trials = stages.at(key, request);
            diff.add(key.routes, request, &trials);
        }
        Ok(Self {
            changes: diff.changes(),
            compared: requests.len(),
            unseen: unseen(sides),
        })
    }

    /// Whether anybody gains anything.
    pub fn has_gains(&self) -> bool {
        self.changes
            .iter()
            .any(|change| change.direction == Direction::Gain)
    }
}

/// What tells one request from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct RequestKey {
    routes: [Option<usize>; 2],
    scheme: Scheme,
    /// Whether either handshake asks for a certificate.
    asks: [bool; 2],
    /// Headers and query, where a plugin of either route looks at them.
    beside: Option<(Vec<(String, String)>, String)>,
    /// Whether it is one that a plugin of either route lets pass because it is an `OPTIONS`.
    is_open_preflight: bool,
    /// Whether what is in its body counts, where a plugin of either route finds nothing elsewhere.
    has_fields: bool,
}

/// Of all requests that the routes are tried with, the plainest of each pair of routes.
fn distinct_requests(bench: &Bench<'_>, progress: &mut Progress) -> Vec<(RequestKey, PlannedRequest)> {
    let mut shapes: Vec<Shape> = Vec::new();
    let mut looks: [Vec<[bool; 3]>; 2] = [Vec::new(), Vec::new()];
    for (side, looks) in bench.sides.iter().zip(&mut looks) {
        for (route, compiled) in side.routes().iter().zip(&side.snapshot.routes) {
            let shape = Shape::of(route.matchers(), compiled);
            looks.push([
                !shape.triggers.is_empty(),
                shape.has_open_preflight,
                shape.needs_a_body,
            ]);
            shapes.push(shape);
        }
    }
    let mut shapes = unique(shapes);
    add_witnesses(&mut shapes);
    let mut found: HashMap<RequestKey, PlannedRequest> = HashMap::new();
    for_each_request(&shapes, progress, |request| {
        let routes = [0, 1].map(|side: usize| bench.route(side, &request));
        if routes == [None, None] {
            return;
        }
        let asks = [0, 1].map(|side: usize| {
            let handshakes = &bench.sides[side].snapshot.handshakes;
            handshakes.choose(request.server_name.as_deref()).asks
        });
        let look = |what: usize| {
            let mut sides = routes.iter().zip(&looks);
            sides.any(|(route, looks)| route.is_some_and(|route| looks[route][what]))
        };
        let key = RequestKey {
            routes,
            scheme: request.scheme,
            asks,
            beside: look(0).then(|| {
                let query = request.target.split_once('?').map_or("", |(_, query)| query);
                let mut headers = request.headers.clone();
                headers.sort();
                (headers, query.to_owned())
            }),
            is_open_preflight: look(1) && request.method == Method::OPTIONS,
            has_fields: look(2) && !matches!(request.method, Method::GET | Method::HEAD),
        };
        match found.entry(key) {
            Entry::Vacant(entry) => drop(entry.insert(request)),
            Entry::Occupied(mut entry) if request.length() < entry.get().length() => {
                entry.insert(request);
            }
            Entry::Occupied(_) => {}
        }
    });
    let mut found: Vec<_> = found.into_iter().collect();
    // By https before http, so that the witness is what a reader expects.
    found.sort_by_cached_key(|(key, request)| (request.length(), key.clone()));
    found
}
