//! The task that orders and renews: one thing to do for each name, at its time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::MOST_DOMAINS;
use super::challenge::Challenges;
use super::domain::Domain;
use super::entry::Entry;
use super::issued::Wish;
use super::keeper::{Active, Inbox};
use super::order::{Failure, Job, OrderError};
use super::report::{Report, Reports, written};

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
    /// With the place that wishes name: several may share one, and each has names of its own.
    profiles: Vec<(PathBuf, Active)>,
    entries: BTreeMap<Key, Entry>,
    orders: JoinSet<(Key, Result<(), Failure>)>,
    /// Of which names: one that is taken away and comes back is not ordered a second time meanwhile.
    under_way: BTreeSet<Key>,
    /// Whether it was told that there are too many names.
    is_full_told: bool,
    /// Whether there is something new to tell.
    changed: bool,
    succeeded: u64,
    failed: u64,
}

impl Task {
    pub(super) fn new(challenges: Arc<Challenges>, reports: Arc<ArcSwap<Reports>>) -> Self {
        Self {
            challenges,
            reports,
            profiles: Vec::new(),
            entries: BTreeMap::new(),
            orders: JoinSet::new(),
            under_way: BTreeSet::new(),
            is_full_told: false,
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
                Some(wish) = inbox.wishes.recv() => self.wish(&wish),
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
            self.under_way.insert(key.clone());
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
        self.is_full_told = false;
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
                    None => {
                        let mut entry = Entry::stored(&active, domain);
                        entry.ordering = self.under_way.contains(&key);
                        entry
                    }
                };
                self.entries.insert(key, entry);
            }
            self.profiles.push((place, active));
        }
        // An order under way for a name that is gone ends by itself; nobody hears of it, unless the name has come back.
    }

    /// A client asked for an allowed name that has no certificate. Whether it is still allowed is asked again: the wish may
    /// be from before a reload.
    fn wish(&mut self, wish: &Wish) {
        let at_the_place = self.profiles.iter().filter(|(place, _)| *place == wish.profile);
        let permitting: Vec<Active> = at_the_place
            .map(|(_, active)| active)
            .filter(|active| active.profile.issued.allowed().permits(&wish.domain))
            .cloned()
            .collect();
        for active in permitting {
            self.wish_of(&active, &wish.domain);
        }
    }

    fn wish_of(&mut self, active: &Active, domain: &Domain) {
        let key = active.folder.certificate_path((domain, active.profile.key));
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.also_shown_by(&active.profile.issued);
            return;
        }
        let of_profile = self
            .entries
            .values()
            .filter(|entry| entry.active.folder == active.folder)
            .count();
        if of_profile >= MOST_DOMAINS {
            // Once: clients that ask for names at random must not fill the log.
            if !std::mem::replace(&mut self.is_full_told, true) {
                warn!(%domain, most = MOST_DOMAINS, "no certificate is ordered, nor for any other new name: there are too many names already");
            }
            return;
        }
        self.changed = true;
        let mut entry = Entry::stored(active, domain.clone());
        entry.ordering = self.under_way.contains(&key);
        self.entries.insert(key, entry);
    }

    fn ended(&mut self, key: &Key, outcome: Result<(), Failure>) {
        self.changed = true;
        self.under_way.remove(key);
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

#[cfg(test)]
mod tests;
