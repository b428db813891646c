//! One name that is kept: its certificate, its failures, and when something is due for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::UnixTime;
use rustls::sign::CertifiedKey;
use tracing::warn;

use super::caller::LONGEST_PATIENCE;
use super::domain::Domain;
use super::folder::Retry;
use super::issued::Issued;
use super::keeper::Active;
use super::order::{Failure, OrderError};
use super::report::written;
use super::schedule;
use crate::certificate::Certificate;

/// A name that is kept.
pub(super) struct Entry {
    /// By whose terms it is ordered.
    pub(super) active: Active,
    /// Who shows it: listeners may share an account and a name.
    pub(super) shown_by: Vec<Arc<Issued>>,
    pub(super) domain: Domain,
    certificate: Option<Arc<CertifiedKey>>,
    /// Of the certificate.
    validity: Option<(SystemTime, SystemTime)>,
    pub(super) due: SystemTime,
    pub(super) ordering: bool,
    pub(super) failures: u32,
    pub(super) last_order: Option<SystemTime>,
    pub(super) last_error: Option<String>,
}

impl Entry {
    /// What is on disk of a name; without a certificate it is due now, unless that failed before.
    pub(super) fn stored(active: &Active, domain: Domain) -> Self {
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

    pub(super) fn also_shown_by(&mut self, issued: &Arc<Issued>) {
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
    pub(super) fn schedule(&mut self) {
        if let Some(validity) = self.validity {
            self.due = schedule::renewal(validity, self.active.profile.renew_before, fastrand::f64());
        }
    }

    pub(super) fn take_certificate(&mut self) -> Result<(), OrderError> {
        let subject = (&self.domain, self.active.profile.key);
        let Some(certificate) = self.active.folder.certificate(subject)? else {
            return Err(OrderError::Wrong(
                "the certificate is not where it was written".to_owned(),
            ));
        };
        (self.failures, self.last_error) = (0, None);
        self.show(certificate);
        if let Some(not_after) = self.not_after() {
            self.due = schedule::not_at_once(self.due, not_after, SystemTime::now());
        }
        Ok(())
    }

    pub(super) fn failed(&mut self, failure: &Failure) {
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

    pub(super) fn not_after(&self) -> Option<SystemTime> {
        self.validity.map(|(_, not_after)| not_after)
    }
}

fn validity_of(certificate: &CertifiedKey) -> Option<(SystemTime, SystemTime)> {
    let leaf = Certificate::parse(certificate.cert.first()?.clone()).ok()?;
    let time = |time: UnixTime| SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs());
    Some((time(leaf.not_before()), time(leaf.not_after())))
}
