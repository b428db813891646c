//! What becomes of a name that goes away and comes back, and of what clients wish for meanwhile.

use std::net::TcpListener;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use super::*;
use crate::acme::account::Accounts;
use crate::acme::issued::Issued;
use crate::acme::signing::KeyKind;
use crate::acme::storage::Storage;
use crate::acme::{AccountTerms, AllowList, ChallengeKind, Profile, Server};

/// A directory, and a server that takes connections and says nothing.
struct World {
    dir: TempDir,
    server: TcpListener,
}

impl World {
    fn new() -> Self {
        Self {
            dir: TempDir::new().expect("a directory"),
            server: TcpListener::bind(("127.0.0.1", 0)).expect("a listener"),
        }
    }

    /// A profile that orders these at start, and those below `below` when they are asked for.
    fn profile(&self, storage: &Arc<Storage>, at_start: &[&str], below: &str) -> Active {
        let mut allowed = AllowList::default();
        let at_start: Vec<Domain> = at_start.iter().map(|name| domain(name)).collect();
        at_start.iter().cloned().for_each(|name| allowed.add(name));
        allowed.add_below(below);
        let tls =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth();
        let server = Server {
            directory: format!("https://{}/dir", self.server.local_addr().expect("an address")),
            tls: Arc::new(tls),
        };
        let account = AccountTerms {
            email: None,
            terms_agreed: true,
            external: None,
        };
        Active {
            folder: storage.folder(&server, &account).expect("a folder"),
            accounts: Arc::<Accounts>::default(),
            _storage: Arc::clone(storage),
            profile: Arc::new(Profile {
                storage: self.dir.path().to_owned(),
                server,
                account,
                challenge: ChallengeKind::Http01,
                key: KeyKind::EcdsaP256,
                renew_before: Duration::from_hours(1),
                retry_after: Duration::from_hours(1),
                at_start,
                issued: Arc::new(Issued::new(allowed)),
            }),
        }
    }

    fn storage(&self) -> Arc<Storage> {
        Arc::new(Storage::open(&self.dir.path().join("state")).expect("a directory of its own"))
    }
}

fn domain(name: &str) -> Domain {
    Domain::parse(name).expect("a name")
}

fn task() -> Task {
    Task::new(Arc::default(), Arc::default())
}

fn wish(active: &Active, name: &str) -> Wish {
    Wish {
        profile: active.folder.certificate_path_of(active.profile.key),
        domain: domain(name),
    }
}

#[tokio::test]
async fn a_name_that_goes_and_comes_back_has_one_order() {
    let (world, mut task) = (World::new(), task());
    let storage = world.storage();
    let with = || world.profile(&storage, &["a.example"], "b.example");
    task.change(vec![with()]);
    task.begin_what_is_due();
    assert_eq!(task.orders.len(), 1);
    task.change(Vec::new());
    task.change(vec![with()]);
    task.begin_what_is_due();
    assert_eq!(task.orders.len(), 1, "the first is still under way");
    let key = task.entries.keys().next().cloned().expect("the name");
    task.ended(&key, Err(OrderError::Interrupted.into()));
    let entry = task.entries.get(&key).expect("the name");
    assert!(!entry.ordering && entry.due > SystemTime::now(), "it is heard of");
}

#[tokio::test]
async fn a_wish_from_before_a_reload_is_looked_at_by_the_list_of_after_it() {
    let (world, mut task) = (World::new(), task());
    let storage = world.storage();
    let before = world.profile(&storage, &[], "b.example");
    task.change(vec![before.clone()]);
    // Sent by a handshake, and not heard before the reload.
    let late = wish(&before, "x.b.example");
    task.change(vec![world.profile(&storage, &[], "c.example")]);
    task.wish(&late);
    assert!(task.entries.is_empty(), "b.example is not allowed any more");
    task.wish(&wish(&before, "x.c.example"));
    assert_eq!(task.entries.len(), 1);
}

#[tokio::test]
async fn profiles_of_one_account_hear_of_their_own_names() {
    let (world, mut task) = (World::new(), task());
    let storage = world.storage();
    let one = world.profile(&storage, &[], "b.example");
    let other = world.profile(&storage, &[], "c.example");
    task.change(vec![one.clone(), other.clone()]);
    for (active, name) in [(&one, "x.b.example"), (&other, "x.c.example")] {
        task.wish(&wish(active, name));
        let key = active
            .folder
            .certificate_path((&domain(name), active.profile.key));
        let entry = task.entries.get(&key).expect("it is ordered for");
        let own = entry
            .shown_by
            .iter()
            .all(|issued| Arc::ptr_eq(issued, &active.profile.issued));
        assert!(own && !entry.shown_by.is_empty(), "{name}");
    }
}
