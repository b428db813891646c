//! Plans of pairs of random documents against brute force.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use fastrand::Rng;
use http::Method;
use rustls::pki_types::UnixTime;
use serde_json::Value;

use super::access_token::{AccessToken, publish};
use super::brute_force::{Caller, addresses, ask, callers, cards, changes, listed, requests, sample};
use super::document::{changed, random};
use super::flat::{Flat, flat};
use super::pass::{Pass, passes};
use super::pki::Pki;
use super::sides;
use super::witnesses::witnesses_hold;
use crate::plan::change::Relation;
use crate::plan::request::PlannedRequest;
use crate::plan::{Plan, Progress, Side};

/// Pairs that are tried however long it takes, and up to how many if there is time: the same ones on every machine.
/// `PLAN_SECONDS` goes on for so long, whatever their number; `PLAN_SEED` begins there, and is the only one without it.
const PAIRS: std::ops::Range<u64> = 6..200;
const TIME: Duration = Duration::from_secs(8);
/// Every so many pairs, everybody is tried.
const WHOLE: u64 = 10;

pub(super) struct Pair {
    seed: u64,
    pub(super) documents: [Value; 2],
    pub(super) sides: [Side; 2],
}

/// A pair of documents that load; the seed says which.
fn pair(seed: u64, pki: &Pki) -> Option<Pair> {
    let mut rng = Rng::with_seed(seed);
    let old = random(&mut rng, &pki.known(), &pki.public_keys());
    let new = if rng.f64() < 0.8 {
        changed(&mut rng, &old, &pki.public_keys())
    } else {
        random(&mut rng, &pki.known(), &pki.public_keys())
    };
    let sides = sides([&old, &new]).ok()?;
    Some(Pair {
        seed,
        documents: [old, new],
        sides,
    })
}

impl Pair {
    pub(super) fn told(&self) -> String {
        let [old, new] = &self.documents;
        let parts = |document: &Value| {
            let mut document = document.clone();
            document["ca_certificates"] = Value::Null;
            document.to_string()
        };
        format!("seed {}\nold {}\nnew {}", self.seed, parts(old), parts(new))
    }
}

#[test]
fn a_plan_says_what_brute_force_finds() {
    let pki = Pki::new();
    let now = UnixTime::now();
    let begin = Instant::now();
    let first = std::env::var("PLAN_SEED").ok().and_then(|seed| seed.parse().ok());
    let time = std::env::var("PLAN_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok());
    let most = if time.is_some() { u64::MAX } else { PAIRS.end };
    let time = time.map_or(TIME, Duration::from_secs);
    let (mut tried, mut found, mut seed) = (0, 0, first.unwrap_or(0));
    let mut spent = [Duration::ZERO; 4];
    while tried < PAIRS.start || (tried < most && begin.elapsed() < time) {
        let mut lap = Instant::now();
        let mut spend = |on: usize| {
            spent[on] += lap.elapsed();
            lap = Instant::now();
        };
        let this = pair(seed, &pki);
        spend(0);
        seed += 1;
        let Some(pair) = this else { continue };
        let plan = Plan::between(&pair.sides, now, &mut Progress::quiet()).unwrap();
        spend(1);
        let planned = flat(&plan);
        found += planned.len();
        publish(&pair.sides, &pki);
        let has_tokens = pair.told().contains("openid-connect");
        witnesses_hold(&pair, &plan, &pki, now);
        spend(2);
        let mut rng = Rng::with_seed(pair.seed);
        if tried % WHOLE == 0 {
            let brute = everything((&pair, has_tokens), &pki, &mut rng, now);
            let is_missed = |flat: &&Flat| !planned.contains(&flat.of_any_token());
            let missed: BTreeSet<Flat> = brute.difference(&planned).filter(is_missed).cloned().collect();
            // Of access tokens and of several credentials, some are tried.
            let is_tried = ["+", "access-token"];
            let has_one = |flat: &&Flat| !is_tried.iter().any(|word| flat.credential.contains(word));
            let invented: BTreeSet<Flat> = planned.difference(&brute).filter(has_one).cloned().collect();
            assert!(
                missed.is_empty() && invented.is_empty(),
                "{}\nmissed:\n{}invented:\n{}",
                pair.told(),
                listed(&missed),
                listed(&invented)
            );
        } else {
            some_things((&pair, has_tokens), &planned, &pki, &mut rng, now);
        }
        spend(3);
        tried += 1;
        if first.is_some() && most < u64::MAX {
            break;
        }
    }
    assert!(found > 0, "nothing ever changed");
    let [load, plan, witnesses, brute] = spent;
    eprintln!(
        "{tried} pairs of {seed} that load, {found} accesses; load {load:?}, plan {plan:?}, witnesses {witnesses:?}, brute force {brute:?}"
    );
}

/// Some callers of some requests: whatever changes for them is in the plan.
fn some_things(
    (pair, has_tokens): (&Pair, bool),
    planned: &BTreeSet<Flat>,
    pki: &Pki,
    rng: &mut Rng,
    now: UnixTime,
) {
    let cards = cards();
    let (sockets, headers) = (sample(rng, &cards, 2), sample(rng, &cards, 2));
    let mut passes = sample(rng, &passes(), 2);
    if has_tokens {
        passes.extend(access_tokens(rng, 2));
    }
    let callers = callers((&sockets, &headers, &passes), &sample(rng, &addresses(), 1));
    for request in sample(rng, &requests(), 30) {
        for (flat, caller) in changes(&pair.sides, pki, (&request, &callers), now) {
            let is_planned = |flat: &Flat| {
                // Brute force does not ask how two credentials belong together.
                let relations = [Relation::Any, Relation::Apart, Relation::Akin, Relation::Same];
                relations.into_iter().any(|relation| {
                    let related = |flat: Flat| planned.contains(&Flat { relation, ..flat });
                    related(flat.clone()) || related(flat.of_any_token())
                })
            };
            assert!(
                is_planned(&flat),
                "{}\nmissed {flat:?}\nby {caller:?}\nwith {request}",
                pair.told()
            );
        }
    }
}

/// Everything that changes in the whole small world for whoever has one certificate: for each pair of routes, with what a
/// plugin could look at beside, one request by chance.
fn everything((pair, has_tokens): (&Pair, bool), pki: &Pki, rng: &mut Rng, now: UnixTime) -> BTreeSet<Flat> {
    let nobody = Caller::default();
    let mut kinds: HashMap<_, Vec<PlannedRequest>> = HashMap::new();
    for request in requests() {
        let route = |side: usize| {
            ask(&pair.sides[side], pki, (&request, &nobody), now)
                .unwrap()
                .route
        };
        let asks = [0, 1].map(|side: usize| {
            let handshakes = &pair.sides[side].snapshot.handshakes;
            handshakes.choose(request.server_name.as_deref()).asks
        });
        let key = (
            [route(0), route(1)],
            request.scheme,
            asks,
            request.headers.clone(),
            request.method == Method::OPTIONS,
        );
        kinds.entry(key).or_default().push(request);
    }
    let cards = cards();
    let is_restricted = pair.told().contains("ip-restriction");
    let addresses = &addresses()[..if is_restricted { 4 } else { 1 }];
    let mut everyone = callers((&cards, &[], &[]), addresses);
    let further = callers((&[], &cards, &[]), addresses).into_iter();
    everyone.extend(further.filter(|caller| caller.header.is_some()));
    let mut passes = passes();
    if has_tokens {
        passes.extend(access_tokens(rng, 60));
    }
    // What no plugin of either document looks for is tried elsewhere.
    let told = pair.told();
    passes.retain(|pass| told.contains(&format!("\"name\":\"{}\"", pass.plugin())));
    let further = callers((&[], &[], &passes), addresses).into_iter();
    everyone.extend(further.filter(|caller| caller.pass.is_some()));
    let mut found = BTreeSet::new();
    for (_, requests) in kinds {
        let request = &requests[rng.usize(..requests.len())];
        let changed = changes(&pair.sides, pki, (request, &everyone), now);
        found.extend(changed.into_iter().map(|(flat, _)| flat));
    }
    found
}

fn access_tokens(rng: &mut Rng, count: usize) -> Vec<Pass> {
    let tokens = (0..count).map(|_| AccessToken::random(rng));
    tokens.map(Pass::Access).collect()
}
