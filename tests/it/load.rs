//! Clients that send one request after the other, and remember what became of each.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::client::{CallError, Client, Session};
use serde_json::Value;
use tokio::task::JoinSet;

/// The name of a request, so that what the upstream saw can be compared with what clients got.
const ID: &str = "x-load-id";

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    workers: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    next: AtomicU64,
    answered: Mutex<Vec<(String, u16)>>,
    failed: Mutex<Vec<(String, String)>>,
}

/// What became of every request.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Names and statuses of those that were answered.
    pub(crate) answered: Vec<(String, u16)>,
    /// Names of those without an answer, and why.
    pub(crate) failed: Vec<(String, String)>,
}

impl Load {
    /// Every client gets `path` again and again, on connections that it keeps.
    pub(crate) fn start(clients: impl IntoIterator<Item = Client>, path: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let mut workers = JoinSet::new();
        for client in clients {
            workers.spawn(work(Arc::clone(&shared), client, path.to_owned()));
        }
        Self { shared, workers }
    }

    /// How many requests had this status so far.
    pub(crate) fn count(&self, status: u16) -> usize {
        let answered = self.shared.answered.lock().unwrap();
        answered.iter().filter(|(_, got)| *got == status).count()
    }

    /// How many requests are done, one way or the other.
    pub(crate) fn done(&self) -> usize {
        self.shared.answered.lock().unwrap().len() + self.shared.failed.lock().unwrap().len()
    }

    /// Waits for every client's last request.
    pub(crate) async fn finish(self) -> Outcome {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.workers.join_all().await;
        let taken = |list: &Mutex<Vec<_>>| std::mem::take(&mut *list.lock().unwrap());
        Outcome {
            answered: taken(&self.shared.answered),
            failed: std::mem::take(&mut *self.shared.failed.lock().unwrap()),
        }
    }
}

async fn work(shared: Arc<Shared>, client: Client, path: String) {
    let mut session: Option<Session> = None;
    while !shared.stop.load(Ordering::SeqCst) {
        let id = shared.next.fetch_add(1, Ordering::SeqCst).to_string();
        match one(&mut session, &client, &path, &id).await {
            Ok(status) => shared.answered.lock().unwrap().push((id, status)),
            Err(error) => {
                session = None;
                shared.failed.lock().unwrap().push((id, error.reason()));
                // A door that is closed is not hammered at.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn one(session: &mut Option<Session>, client: &Client, path: &str, id: &str) -> Result<u16, CallError> {
    let open = match session.take().filter(|session| !session.is_closed()) {
        Some(open) => open,
        None => client.connect().await?,
    };
    let open = session.insert(open);
    let answer = open.send(client.get(path).header(ID, id)).await?;
    Ok(answer.status.as_u16())
}

impl Outcome {
    /// Every request that reached the upstream got its answer: none was lost on the way back.
    pub(crate) fn assert_none_was_lost(&self, seen: &[Value]) {
        let good: HashSet<&str> = self
            .answered
            .iter()
            .filter(|(_, status)| *status == 200)
            .map(|(id, _)| id.as_str())
            .collect();
        let ids = seen
            .iter()
            .filter_map(|request| request["headers"][ID][0].as_str());
        let lost: Vec<&str> = ids.filter(|id| !good.contains(id)).collect();
        let why: Vec<_> = self
            .failed
            .iter()
            .filter(|(id, _)| lost.contains(&id.as_str()))
            .collect();
        let statuses: Vec<_> = self
            .answered
            .iter()
            .filter(|(id, _)| lost.contains(&id.as_str()))
            .collect();
        assert!(
            lost.is_empty(),
            "{} of {} were lost: {why:?} {statuses:?}",
            lost.len(),
            seen.len()
        );
    }
}
