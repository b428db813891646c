//! The running program: bind everything, then serve everything, then stop without losing a request.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tracing::{info, warn};
use transport::acme::storage::StorageError;
use transport::acme::{Keeper, Reports};
use transport::drain::{Drain, Drained};
use transport::handshake_failures::HandshakeFailures;
use transport::listen::{self, BindError, PortSharing};
use transport::stapling::{Fetching, Stapler};

use crate::admin;
use crate::connection;
use crate::door::{Door, Logs, View};
use crate::plan::{Listener, Plan, Stop};

/// An edge whose sockets are bound and that serves nobody yet.
#[derive(Debug)]
pub struct Edge {
    doors: Vec<(TcpListener, Arc<Door>)>,
    admin: Option<TcpListener>,
    control: Control,
    /// To be begun with.
    fetching: Fetching,
}

/// Steers a running edge from outside. Clones steer the same one.
#[derive(Clone, Debug)]
pub struct Control(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    doors: BTreeMap<Arc<str>, (SocketAddr, Arc<Door>)>,
    /// As configured, and as bound.
    admin: Option<(SocketAddr, SocketAddr)>,
    failures: Arc<HandshakeFailures>,
    keeper: Arc<Keeper>,
    stapler: Stapler,
    stop: ArcSwap<Stop>,
    phase: AtomicU8,
}

/// How far an edge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Bound, but not serving yet.
    Starting = 0,
    /// Serving.
    Serving = 1,
    /// About to stop: still accepting, but whoever balances load should look elsewhere.
    Leaving = 2,
    /// Accepting nobody, finishing what is in flight.
    Draining = 3,
}

/// The edge cannot start. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket cannot be bound.
    #[error("listener {listener}: {source}")]
    Bind {
        /// Which listener; `admin` is the admin listener.
        listener: Arc<str>,
        /// Why.
        #[source]
        source: BindError,
    },
    /// The system does not tell where a socket is bound.
    #[error("listener {listener}: {source}")]
    Address {
        /// Which listener.
        listener: Arc<str>,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A log cannot be opened.
    #[error("cannot open a log: {0}")]
    Log(#[source] io::Error),
    /// The directory of an `acme` cannot be had.
    #[error("certificates of an ACME server: {0}")]
    Acme(#[from] StorageError),
}

/// A reload that was refused. What was in force still is.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// Sockets are bound at start only.
    #[error("listener {listener} is new, gone, or has another address: that needs a restart")]
    Listener {
        /// Which listener; `admin` is the admin listener.
        listener: Arc<str>,
    },
    /// A log cannot be opened.
    #[error("cannot open a log: {0}")]
    Log(#[source] io::Error),
    /// The directory of an `acme` cannot be had.
    #[error("certificates of an ACME server: {0}")]
    Acme(#[from] StorageError),
}

impl Edge {
    /// Binds every socket of a plan and opens its logs. With one that cannot be had, nothing is started.
    #[allow(clippy::unused_async)] // a runtime must be there: sockets are registered with it
    pub async fn bind(plan: Plan) -> Result<Self, StartError> {
        let Plan {
            listeners,
            acme,
            fetching,
            admin,
            connection_log,
            access_log,
            stop,
        } = plan;
        let mut bound = Vec::with_capacity(listeners.len());
        for listener in listeners {
            let (socket, address) = bind(&listener.name, listener.address)?;
            bound.push((socket, address, listener));
        }
        let admin_socket = match admin {
            Some(configured) => Some((configured, bind(&"admin".into(), configured)?)),
            None => None,
        };
        let logs = Arc::new(Logs::open(&connection_log, &access_log).map_err(StartError::Log)?);
        let failures = Arc::new(HandshakeFailures::default());
        let keeper = Arc::new(Keeper::new());
        keeper.keep(keeper.prepare(&acme)?);
        let (mut doors, mut by_name) = (Vec::new(), BTreeMap::new());
        for (socket, address, listener) in bound {
            let (name, configured) = (Arc::clone(&listener.name), listener.address);
            let view = View::new(listener, &logs);
            let door = Arc::new(Door::new(
                address,
                view,
                Arc::clone(&failures),
                Arc::clone(keeper.challenges()),
            ));
            by_name.insert(name, (configured, Arc::clone(&door)));
            doors.push((socket, door));
        }
        let (admin, admin_address) = match admin_socket {
            Some((configured, (socket, address))) => (Some(socket), Some((configured, address))),
            None => (None, None),
        };
        let control = Control(Arc::new(Shared {
            doors: by_name,
            admin: admin_address,
            failures,
            keeper,
            stapler: Stapler::default(),
            stop: ArcSwap::from_pointee(stop),
            phase: AtomicU8::new(Phase::Starting as u8),
        }));
        Ok(Self {
            doors,
            admin,
            control,
            fetching,
        })
    }

    /// Where each listener is bound, by its name.
    pub fn addresses(&self) -> BTreeMap<&str, SocketAddr> {
        self.control
            .doors()
            .map(|(name, door)| (name, door.address))
            .collect()
    }

    /// Where the admin listener is bound.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.control.0.admin.map(|(_, bound)| bound)
    }

    /// For reloads, while the edge runs.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Serves until `shutdown` is ready, then waits as configured, then drains.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Drained {
        let Self {
            doors,
            admin,
            control,
            fetching,
        } = self;
        let drain = Drain::new();
        // The admin listener answers until the very end: it is what tells the others that this one drains.
        let admin_drain = Drain::new();
        for (socket, door) in doors {
            let view = door.view();
            info!(listener = %view.listener.name, address = %door.address, "listening");
            let draining = drain.watch();
            let connections = {
                let draining = draining.clone();
                move |stream, peer| connection::serve(Arc::clone(&door), stream, peer, draining.clone())
            };
            tokio::spawn(listen::accept(socket, draining, connections));
        }
        if let Some(socket) = admin {
            if let Some((_, address)) = control.0.admin {
                info!(listener = "admin", %address, "listening");
            }
            tokio::spawn(admin::serve(socket, control.clone(), admin_drain.watch()));
        }
        // Only now could anybody look for what a challenge asks for.
        tokio::spawn(Arc::clone(&control.0.keeper).run(drain.watch()));
        control.0.stapler.follow(fetching);
        control.enter(Phase::Serving);
        info!("ready");
        shutdown.await;
        control.enter(Phase::Leaving);
        let stop = **control.0.stop.load();
        info!(
            delay_s = stop.delay.as_secs_f32(),
            drain_s = stop.drain.as_secs_f32(),
            "stopping"
        );
        tokio::time::sleep(stop.delay).await;
        control.enter(Phase::Draining);
        let drained = drain.finish(stop.drain).await;
        match drained {
            Drained::Completely => info!("stopped"),
            Drained::OutOfTime => warn!("stopped; requests that were still in flight are cut off"),
        }
        admin_drain.finish(admin::LAST_WORDS).await;
        drained
    }
}

impl View {
    fn new(listener: Listener, logs: &Arc<Logs>) -> Self {
        Self {
            listener,
            logs: Arc::clone(logs),
        }
    }
}

fn bind(name: &Arc<str>, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = || Arc::clone(name);
    let socket = listen::bind(address, PortSharing::Exclusive).map_err(|source| StartError::Bind {
        listener: listener(),
        source,
    })?;
    let bound = socket.local_addr().map_err(|source| StartError::Address {
        listener: listener(),
        source,
    })?;
    Ok((socket, bound))
}

impl Control {
    /// Puts another plan in force, as a whole or not at all. New connections and new requests follow it at once; an open
    /// connection is closed if its client's certificate would be judged otherwise now. Logs are opened anew, so that
    /// they can be rotated.
    pub fn reload(&self, plan: Plan) -> Result<(), ReloadError> {
        let Plan {
            listeners,
            acme,
            fetching,
            admin,
            connection_log,
            access_log,
            stop,
        } = plan;
        self.same_sockets(&listeners, admin)?;
        let logs = Arc::new(Logs::open(&connection_log, &access_log).map_err(ReloadError::Log)?);
        let prepared = self.0.keeper.prepare(&acme)?;
        // First, so that no handshake of the new plan lacks an answer that there was.
        self.0.stapler.follow(fetching);
        for listener in listeners {
            if let Some((_, door)) = self.0.doors.get(&listener.name) {
                door.change(View::new(listener, &logs));
            }
        }
        self.0.keeper.keep(prepared);
        self.0.stop.store(Arc::new(stop));
        Ok(())
    }

    fn same_sockets(&self, listeners: &[Listener], admin: Option<SocketAddr>) -> Result<(), ReloadError> {
        let refused = |listener: &Arc<str>| {
            Err(ReloadError::Listener {
                listener: Arc::clone(listener),
            })
        };
        for listener in listeners {
            match self.0.doors.get(&listener.name) {
                Some((configured, _)) if *configured == listener.address => {}
                Some(_) | None => return refused(&listener.name),
            }
        }
        let gone = |name: &&Arc<str>| !listeners.iter().any(|listener| listener.name == **name);
        if let Some(name) = self.0.doors.keys().find(gone) {
            return refused(name);
        }
        if admin != self.0.admin.map(|(configured, _)| configured) {
            return refused(&"admin".into());
        }
        Ok(())
    }

    /// Every listener, by name.
    pub(crate) fn doors(&self) -> impl Iterator<Item = (&str, &Door)> + Clone {
        self.0.doors.iter().map(|(name, (_, door))| (&**name, &**door))
    }

    /// The failed handshakes of all listeners and targets.
    pub(crate) fn failures(&self) -> &HandshakeFailures {
        &self.0.failures
    }

    /// How the certificates of ACME servers stand.
    pub(crate) fn issued(&self) -> Arc<Reports> {
        self.0.keeper.reports()
    }

    /// The OCSP answers that are fetched.
    pub(crate) fn stapler(&self) -> &Stapler {
        &self.0.stapler
    }

    /// How far it is.
    pub(crate) fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Serving,
            2 => Phase::Leaving,
            _ => Phase::Draining,
        }
    }

    fn enter(&self, phase: Phase) {
        self.0.phase.store(phase as u8, Ordering::Release);
    }
}
