//! Keeps certificates: takes over what is on disk, and hands it to the task that orders and renews.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use super::Profile;
use super::account::Accounts;
use super::challenge::Challenges;
use super::folder::Folder;
use super::issued::Wish;
use super::report::Reports;
use super::signing::KeyKind;
use super::storage::{Storage, StorageError};
use super::task::Task;
use crate::drain::Draining;

/// Wishes of clients that wait to be looked at. More are dropped: they are told again.
const MOST_WISHES: usize = 64;

/// Keeps the certificates of a program, from one reload to the next.
#[derive(Debug)]
pub struct Keeper {
    challenges: Arc<Challenges>,
    reports: Arc<ArcSwap<Reports>>,
    /// Taken at start and at reloads only.
    storages: Mutex<HashMap<PathBuf, Arc<Storage>>>,
    accounts: Mutex<HashMap<Folder, Arc<Accounts>>>,
    profiles: mpsc::UnboundedSender<Vec<Active>>,
    wishes: mpsc::Sender<Wish>,
    task: Mutex<Option<Inbox>>,
}

/// What the task hears.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) profiles: mpsc::UnboundedReceiver<Vec<Active>>,
    pub(super) wishes: mpsc::Receiver<Wish>,
}

/// A profile with the folder that is its own.
#[derive(Clone, Debug)]
pub(super) struct Active {
    pub(super) profile: Arc<Profile>,
    pub(super) folder: Folder,
    pub(super) accounts: Arc<Accounts>,
    /// Held for as long as somebody writes there.
    pub(super) _storage: Arc<Storage>,
}

/// Profiles whose directories are ours and whose certificates are shown, but whose orders are not begun.
#[derive(Debug)]
pub struct Prepared {
    profiles: Vec<Active>,
    storages: HashMap<PathBuf, Arc<Storage>>,
}

impl Keeper {
    /// A keeper with nothing to keep.
    pub fn new() -> Self {
        let (profiles, changes) = mpsc::unbounded_channel();
        let (wishes, wished) = mpsc::channel(MOST_WISHES);
        Self {
            challenges: Arc::default(),
            reports: Arc::default(),
            storages: Mutex::default(),
            accounts: Mutex::default(),
            profiles,
            wishes,
            task: Mutex::new(Some(Inbox {
                profiles: changes,
                wishes: wished,
            })),
        }
    }

    /// What is answered to ACME servers.
    pub fn challenges(&self) -> &Arc<Challenges> {
        &self.challenges
    }

    /// How things stand.
    pub fn reports(&self) -> Arc<Reports> {
        self.reports.load_full()
    }

    /// Takes the directories of profiles and shows the certificates in them. Nothing else changes: what is prepared can
    /// be thrown away.
    pub fn prepare(&self, profiles: &[Arc<Profile>]) -> Result<Prepared, StorageError> {
        let mut storages = HashMap::new();
        let mut active = Vec::with_capacity(profiles.len());
        for profile in profiles {
            let storage = match storages.get(&profile.storage) {
                Some(storage) => Arc::clone(storage),
                None => self.storage(&profile.storage)?,
            };
            storages.insert(profile.storage.clone(), Arc::clone(&storage));
            let folder = storage.folder(&profile.server, &profile.account)?;
            // What was issued to another account, or for another type of key, is better than nothing.
            for other in storage.folders()? {
                for kind in KeyKind::ALL {
                    show_all(&other, kind, profile)?;
                }
            }
            show_all(&folder, profile.key, profile)?;
            let accounts = Arc::clone(locked(&self.accounts).entry(folder.clone()).or_default());
            active.push(Active {
                profile: Arc::clone(profile),
                folder,
                accounts,
                _storage: storage,
            });
        }
        Ok(Prepared {
            profiles: active,
            storages,
        })
    }

    /// Puts profiles in the place of those before. Their orders begin when the keeper runs.
    pub fn keep(&self, prepared: Prepared) {
        let Prepared { profiles, storages } = prepared;
        *locked(&self.storages) = storages;
        locked(&self.accounts).retain(|folder, _| profiles.iter().any(|active| active.folder == *folder));
        for active in &profiles {
            let profile = active.folder.certificate_path_of(active.profile.key);
            active.profile.issued.send_wishes(profile, self.wishes.clone());
        }
        // Without a task nobody listens, and nothing is to be done.
        let _ = self.profiles.send(profiles);
    }

    /// Orders and renews until the drain begins. An order that is under way then is gone on with after the next start.
    pub async fn run(self: Arc<Self>, mut draining: Draining) {
        let Some(inbox) = locked(&self.task).take() else {
            return;
        };
        let task = Task::new(Arc::clone(&self.challenges), Arc::clone(&self.reports));
        tokio::select! {
            () = draining.begun() => {}
            () = task.run(inbox) => {}
        }
    }

    fn storage(&self, path: &PathBuf) -> Result<Arc<Storage>, StorageError> {
        match locked(&self.storages).get(path) {
            Some(storage) => {
                Storage::inspect(path)?;
                Ok(Arc::clone(storage))
            }
            None => Storage::open(path).map(Arc::new),
        }
    }
}

/// Shows what there is in a folder of names that are allowed.
fn show_all(folder: &Folder, kind: KeyKind, profile: &Profile) -> Result<(), StorageError> {
    for domain in folder.certified(kind)? {
        if profile.issued.allowed().permits(&domain)
            && let Some(certificate) = folder.certificate((&domain, kind))?
        {
            profile.issued.show(&domain, &certificate);
        }
    }
    Ok(())
}

impl Default for Keeper {
    fn default() -> Self {
        Self::new()
    }
}

/// A panic elsewhere leaves these maps whole: they are replaced, or added to.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
