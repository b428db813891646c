//! The task that orders and renews: one thing to do for each name, at its time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::pki_types::UnixTime;
use rustls::sign::CertifiedKey;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::MOST_DOMAINS;
use super::caller::LONGEST_PATIENCE;
use super::challenge::Challenges;
use super::domain::Domain;
use super::folder::Retry;
use super::issued::{Issued, Wish};
use super::keeper::{Active, Inbox};
use super::order::{Failure, Job, OrderError};
use super::report::{Report, Reports, written};
use super::schedule;
use crate::certificate::Certificate;

/// Orders under way at once, of all profiles.
const MOST_ORDERS: usize = 4;
/// The longest sleep: a clock that was put forward, or a machine that slept, is noticed after it.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// What there is one of: the file of a certificate.
type Key = PathBuf;

/// The task's state.
pub(super) struct Task {
    challenges: Arc<Challenges>,
    reports: Arc<ArcSwap<Reports>>,
    profiles: BTreeMap<PathBuf, Active>,
    entries: BTreeMap<Key, Entry>,
    orders: JoinSet<(Key, Result<(), Failure>)>,
    /// Whether there is something new to tell.
    changed: bool,
    succeeded: u64,
    failed: u64,
}

/// A name that is kept.
struct Entry {
    /// By whose terms it is ordered.
    active: Active,
    /// Who shows it: listeners may share an account and a name.
    shown_by: Vec<Arc<Issued>>,
    domain: Domain,
    certificate: Option<Arc<CertifiedKey>>,
    /// Of the certificate.
    validity: Option<(SystemTime, SystemTime)>,
    due: SystemTime,
    ordering: bool,
    failures: u32,
    last_order: Option<SystemTime>,
    last_error: Option<String>,
}

impl Task {
    pub(super) fn new(challenges: Arc<Challenges>, reports: Arc<ArcSwap<Reports>>) -> Self {
        Self {
            challenges,
            reports,
            profiles: BTreeMap::new(),
            entries: BTreeMap::new(),
            orders: JoinSet::new(),
            changed: true,
            succeeded: 0,
            failed: 0,
        }
    }

    /// Runs until its keeper is gone.
    pub(super) async fn run(mut self, mut inbox: Inbox) {
        loop {
            self.begin_what_is_due();
            if std::mem::take(&mut self.changed) {
                self.tell();
            }
            let sleep = self.next().map_or(LONGEST_SLEEP, |due| {
                due.duration_since(SystemTime::now())
                    .unwrap_or_default()
                    .min(LONGEST_SLEEP)
            });
            tokio::select! {
                profiles = inbox.profiles.recv() => match profiles {
                    Some(profiles) => self.change(profiles),
                    None => return,
                },
                Some(wish) = inbox.wishes.recv() => self.wish(wish),
                Some(ended) = self.orders.join_next() => if let Ok((key, outcome)) = ended {
                    self.ended(&key, outcome);
                },
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// When the next order is due that could begin.
    fn next(&self) -> Option<SystemTime> {
        if self.orders.len() >= MOST_ORDERS {
            return None;
        }
        self.entries
            .values()
            .filter(|entry| !entry.ordering)
            .map(|entry| entry.due)
            .min()
    }

    fn begin_what_is_due(&mut self) {
        let now = SystemTime::now();
        let mut due: Vec<(SystemTime, Key)> = self
            .entries
            .iter()
            .filter(|(_, entry)| !entry.ordering && entry.due <= now)
            .map(|(key, entry)| (entry.due, key.clone()))
            .collect();
        due.sort();
        for (_, key) in due
            .into_iter()
            .take(MOST_ORDERS.saturating_sub(self.orders.len()))
        {
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            entry.ordering = true;
            self.changed = true;
            let job = Job {
                profile: Arc::clone(&entry.active.profile),
                folder: entry.active.folder.clone(),
                accounts: Arc::clone(&entry.active.accounts),
                challenges: Arc::clone(&self.challenges),
                domain: entry.domain.clone(),
            };
            info!(domain = %job.domain, directory = %job.profile.server.directory, "ordering a certificate");
            // The storage is held until the order is over, whatever is reloaded meanwhile.
            let active = entry.active.clone();
            self.orders.spawn(async move {
                // A panic is a failure like any other: this name must not stay "under way" for ever.
                let ran = tokio::spawn(async move { job.run().await }).await;
                drop(active);
                (key, ran.unwrap_or(Err(OrderError::Interrupted.into())))
            });
        }
    }

    /// Takes over other profiles. What is known of a name that stays, its failures among it, is kept.
    fn change(&mut self, profiles: Vec<Active>) {
        let mut known = std::mem::take(&mut self.entries);
        self.profiles.clear();
        self.changed = true;
        for active in profiles {
            let place = active.folder.certificate_path_of(active.profile.key);
            let (profile, folder) = (Arc::clone(&active.profile), active.folder.clone());
            let stored = folder.certified(profile.key).unwrap_or_default();
            let stored = stored
                .into_iter()
                .filter(|domain| profile.issued.allowed().permits(domain));
            let mut domains: Vec<Domain> = profile.at_start.iter().cloned().chain(stored).collect();
            // Names that clients asked for and that have nothing on disk yet.
            domains.extend(known.values().filter_map(|entry| {
                let stays = entry.active.folder == folder
                    && entry.active.profile.key == profile.key
                    && profile.issued.allowed().permits(&entry.domain);
                stays.then(|| entry.domain.clone())
            }));
            for domain in domains {
                let key = folder.certificate_path((&domain, profile.key));
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.also_shown_by(&profile.issued);
                    continue;
                }
                let entry = match known.remove(&key) {
                    Some(mut entry) => {
                        let is_later = entry.active.profile.renew_before != profile.renew_before;
                        entry.active = active.clone();
                        if is_later && entry.failures == 0 {
                            entry.schedule();
                        }
                        entry.shown_by.clear();
                        entry.also_shown_by(&profile.issued);
                        entry
                    }
                    None => Entry::stored(&active, domain),
                };
                self.entries.insert(key, entry);
            }
            self.profiles.insert(place, active);
        }
        // An order under way for a name that is gone ends by itself; nobody hears of it.
    }

    /// A client asked for an allowed name that has no certificate.
    fn wish(&mut self, wish: Wish) {
        let Some(active) = self.profiles.get(&wish.profile).cloned() else {
            return;
        };
        let key = active.folder.certificate_path((&wish.domain, active.profile.key));
        if self.entries.contains_key(&key) {
            return;
        }
        let of_profile = self
            .entries
            .values()
            .filter(|entry| entry.active.folder == active.folder)
            .count();
        if of_profile >= MOST_DOMAINS {
            warn!(domain = %wish.domain, most = MOST_DOMAINS, "no certificate is ordered: there are too many names already");
            return;
        }
        self.changed = true;
        self.entries.insert(key, Entry::stored(&active, wish.domain));
    }

    fn ended(&mut self, key: &Key, outcome: Result<(), Failure>) {
        self.changed = true;
        match &outcome {
            Ok(()) => self.succeeded += 1,
            Err(_) => self.failed += 1,
        }
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        entry.ordering = false;
        entry.last_order = Some(SystemTime::now());
        let outcome = outcome.and_then(|()| Ok(entry.take_certificate()?));
        match outcome {
            Ok(()) => {
                let until = entry.not_after().map(written).unwrap_or_default();
                info!(domain = %entry.domain, until, renewal = written(entry.due), "a certificate was issued");
            }
            Err(failure) => entry.failed(&failure),
        }
    }

    fn tell(&self) {
        let domains = self.entries.values().map(|entry| Report {
            domain: entry.domain.as_str().to_owned(),
            directory: entry.active.profile.server.directory.clone(),
            ordering: entry.ordering,
            not_after: entry.not_after(),
            last_order: entry.last_order,
            last_error: entry.last_error.clone(),
            failures: entry.failures,
            next_order: (!entry.ordering).then_some(entry.due),
        });
        let mut domains: Vec<Report> = domains.collect();
        domains.sort_by(|one, other| (&one.domain, &one.directory).cmp(&(&other.domain, &other.directory)));
        self.reports.store(Arc::new(Reports {
            domains,
            succeeded: self.succeeded,
            failed: self.failed,
        }));
    }
}

impl Entry {
    /// What is on disk of a name; without a certificate it is due now, unless that failed before.
    fn stored(active: &Active, domain: Domain) -> Self {
        let subject = (&domain, active.profile.key);
        // The store was looked through before: what cannot be read by now is ordered again.
        let retry = active.folder.retry(subject).ok().flatten();
        let certificate = active.folder.certificate(subject).ok().flatten();
        let mut entry = Self {
            active: active.clone(),
            shown_by: vec![Arc::clone(&active.profile.issued)],
            domain,
            certificate: None,
            validity: None,
            due: SystemTime::now(),
            ordering: false,
            failures: 0,
            last_order: None,
            last_error: None,
        };
        if let Some(certificate) = certificate {
            entry.show(certificate);
        }
        if let Some(Retry { failures, error, .. }) = &retry {
            entry.failures = *failures;
            entry.last_error = Some(error.clone());
        }
        if let Some(retry) = retry {
            // A clock that was wrong when it was written must not put it off for ever.
            let longest = LONGEST_PATIENCE.max(entry.active.profile.retry_after * 2);
            let longest = SystemTime::now() + longest;
            entry.due = entry.due.max(retry.not_before().min(longest));
        }
        entry
    }

    fn also_shown_by(&mut self, issued: &Arc<Issued>) {
        if self.shown_by.iter().any(|known| Arc::ptr_eq(known, issued)) {
            return;
        }
        if let Some(certificate) = &self.certificate {
            issued.show(&self.domain, certificate);
        }
        self.shown_by.push(Arc::clone(issued));
    }

    fn show(&mut self, certificate: Arc<CertifiedKey>) {
        for issued in &self.shown_by {
            issued.show(&self.domain, &certificate);
        }
        self.validity = validity_of(&certificate);
        self.certificate = Some(certificate);
        self.schedule();
    }

    /// When it is renewed.
    fn schedule(&mut self) {
        if let Some(validity) = self.validity {
            self.due = schedule::renewal(validity, self.active.profile.renew_before, fastrand::f64());
        }
    }

    fn take_certificate(&mut self) -> Result<(), OrderError> {
        let subject = (&self.domain, self.active.profile.key);
        let Some(certificate) = self.active.folder.certificate(subject)? else {
            return Err(OrderError::Wrong(
                "the certificate is not where it was written".to_owned(),
            ));
        };
        (self.failures, self.last_error) = (0, None);
        self.show(certificate);
        Ok(())
    }

    fn failed(&mut self, failure: &Failure) {
        self.failures = self.failures.saturating_add(1);
        let wait = schedule::wait_after(self.failures, self.active.profile.retry_after, fastrand::f64());
        self.due = SystemTime::now() + wait;
        if let Some(until) = failure.not_before {
            self.due = self.due.max(until);
        }
        let error = failure.error.to_string();
        let next = written(self.due);
        warn!(domain = %self.domain, error, failures = self.failures, next, "no certificate was issued");
        let since = self
            .due
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let retry = Retry {
            failures: self.failures,
            not_before_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            error: error.clone(),
        };
        self.last_error = Some(error);
        if let Err(error) = self
            .active
            .folder
            .keep_retry((&self.domain, self.active.profile.key), &retry)
        {
            warn!(domain = %self.domain, %error, "the failure cannot be kept: a restart would try again at once");
        }
    }

    fn not_after(&self) -> Option<SystemTime> {
        self.validity.map(|(_, not_after)| not_after)
    }
}

fn validity_of(certificate: &CertifiedKey) -> Option<(SystemTime, SystemTime)> {
    let leaf = Certificate::parse(certificate.cert.first()?.clone()).ok()?;
    let time = |time: UnixTime| SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs());
    Some((time(leaf.not_before()), time(leaf.not_after())))
}
