//! A listener that is bound: its address, what it does at the moment, and what it counts.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderValue;
use tokio::sync::watch;
use transport::acme::Challenges;
use transport::handshake_failures::HandshakeFailures;
use transport::lines::{Destination, Lines};

use crate::metrics::Metrics;
use crate::plan::{HttpService, Listener, Service};

/// A bound listener. What it does is swapped as a whole when the configuration is reloaded; its address stays.
#[derive(Debug)]
pub(crate) struct Door {
    /// As bound, so never port 0.
    pub(crate) address: SocketAddr,
    /// What it counts.
    pub(crate) metrics: Metrics,
    /// Where failed handshakes are kept, those of all listeners and targets together.
    pub(crate) failures: Arc<HandshakeFailures>,
    /// What is answered to ACME servers, at any listener.
    pub(crate) challenges: Arc<Challenges>,
    /// The address as Host value, for HTTP/1.0 clients that name none.
    pub(crate) own_host: HeaderValue,
    view: ArcSwap<View>,
    reloads: watch::Sender<()>,
}

/// What a listener does, from one reload to the next.
#[derive(Debug)]
pub(crate) struct View {
    /// What it does.
    pub(crate) listener: Listener,
    /// Where it writes.
    pub(crate) logs: Arc<Logs>,
}

/// The two logs.
#[derive(Debug)]
pub(crate) struct Logs {
    /// ALB's connection log.
    pub(crate) connections: Lines,
    /// A JSON line per request.
    pub(crate) requests: Lines,
}

impl Logs {
    /// Opens both. The error names the file.
    pub(crate) fn open(connections: &Destination, requests: &Destination) -> io::Result<Self> {
        Ok(Self {
            connections: open(connections)?,
            requests: open(requests)?,
        })
    }
}

fn open(destination: &Destination) -> io::Result<Lines> {
    Lines::open(destination).map_err(|error| match destination {
        Destination::Off | Destination::Stdout => error,
        Destination::File(path) => io::Error::new(error.kind(), format!("{}: {error}", path.display())),
    })
}

impl View {
    /// What it does with HTTP, if that is what it speaks.
    pub(crate) fn http(&self) -> Option<&HttpService> {
        match &self.listener.service {
            Service::Http(service) => Some(service),
            Service::Tcp(_) => None,
        }
    }
}

impl Door {
    /// A door at a bound address.
    pub(crate) fn new(
        address: SocketAddr,
        view: View,
        failures: Arc<HandshakeFailures>,
        challenges: Arc<Challenges>,
    ) -> Self {
        let own_host = HeaderValue::try_from(address.to_string());
        Self {
            address,
            metrics: Metrics::default(),
            failures,
            challenges,
            // An address is always a header value.
            own_host: own_host.unwrap_or(HeaderValue::from_static("localhost")),
            view: ArcSwap::from_pointee(view),
            reloads: watch::Sender::new(()),
        }
    }

    /// What it does now. A caller keeps one view for the whole of a request.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Does something else from now on, and has every open connection look at it.
    pub(crate) fn change(&self, view: View) {
        self.view.store(Arc::new(view));
        self.reloads.send_replace(());
    }

    /// Tells of every later change.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.reloads.subscribe()
    }
}
