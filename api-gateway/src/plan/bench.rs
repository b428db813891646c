//! Where requests are tried: both configurations, everybody who could send one, and the request path itself.
//!
//! A certificate that nobody has shown is put where the plugins keep what they know of certificates that they have seen
//! (`suppose`); then the request is judged by [`Verdict::on`], as traffic is.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::request::Builder;
use rustls::pki_types::UnixTime;
use transport::serve::{Negotiated, Protocol};

use super::grants::Grant;
use super::holder::{Holders, Leaves};
use super::instances::{Instances, Source};
use super::names::{NameShape, PlannedName, STRANGER};
use super::passes::Pass;
use super::people::People;
use super::presented::{Presentation, Writing, Written};
use super::request::{PlannedRequest, Scheme};
use super::shown::{HeaderLine, Shown};
use super::side::Side;
use super::signer::Signer;
use super::token_finders::TokenFinders;
use crate::form::Form;
use crate::identity::{Connection, Digest, later};
use crate::plugin::certificate_auth::CertificateAuth;
use crate::plugin::certificate_auth::supposed::Supposed;
use crate::plugin::openid_connect::OpenIdConnect;
use crate::proxy::verdict::Verdict;
use crate::router::{RequestFacts, path};

/// Whoever is no carrier: an address for documentation (RFC 5737).
pub(super) const USUAL_ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));
/// How long something supposed is remembered at most.
const FOR_NOW: Duration = Duration::from_hours(1);

/// Both sides and everybody.
pub(super) struct Bench<'s> {
    pub(super) sides: &'s [Side; 2],
    pub(super) holders: Holders,
    pub(super) instances: Instances<'s>,
    pub(super) people: People,
    pub(super) edge_holders: EdgeHolders,
    pub(super) passes: Vec<Pass>,
    pub(super) token_finders: TokenFinders<'s>,
    /// What providers sign with, if there are any.
    pub(super) signer: Option<Signer>,
    leaves: Leaves,
    now: UnixTime,
    made: RefCell<HashMap<u32, Option<Rc<Shown>>>>,
    signed: RefCell<HashMap<SignedKey, Signed>>,
    supposed: RefCell<HashMap<(usize, u32, usize), Supposed>>,
}

/// What tells one token of a provider from another: the credential, what it says by its place in memory, and the
/// certificate beside it.
type SignedKey = (usize, usize, Option<[u8; 32]>);

/// A token, and what it says.
struct Signed {
    /// Whoever keeps it keeps its place.
    _grant: Rc<Grant>,
    token: Rc<str>,
}

/// What reads credentials of its own accord at a pair of routes.
pub(super) struct Readers<'s> {
    /// Plugins that read certificates, by their positions.
    pub(super) instances: Vec<usize>,
    /// By side: plugins that ask somebody about tokens.
    pub(super) asking: [Vec<&'s OpenIdConnect>; 2],
}

/// By side: which holders' certificates an edge could have. Empty where no edges are named.
pub(super) struct EdgeHolders([Vec<bool>; 2]);

impl EdgeHolders {
    pub(super) fn map_or_holder(&self, holder: usize) -> [bool; 2] {
        [0, 1].map(|side: usize| self.0[side].get(holder).copied().unwrap_or(false))
    }
}

/// By whom a request is sent, and with what.
#[derive(Clone, Debug, Default)]
pub(super) struct Sender {
    /// The peer's certificate: a name and a holder.
    pub(super) socket: Option<(u32, usize)>,
    /// A certificate in headers.
    pub(super) header: Option<(u32, usize)>,
    /// In which headers.
    pub(super) lines: Rc<[HeaderLine]>,
    /// A key, a password or a token, by position, and how it is brought; the seconds that a token may last.
    pub(super) pass: Option<(usize, Rc<Presentation>, u64)>,
    /// The address that carries the request for a client, if one does.
    pub(super) carrier: Option<IpAddr>,
}

impl<'s> Bench<'s> {
    pub(super) fn new(
        sides: &'s [Side; 2],
        (passes, token_finders): (Vec<Pass>, TokenFinders<'s>),
        now: UnixTime,
    ) -> Result<Self, rcgen::Error> {
        let leaves = Leaves::new()?;
        let anybody = PlannedName {
            text: STRANGER.into(),
            shape: NameShape::Common,
        };
        let anybody = leaves
            .with(&anybody)
            .ok_or(rcgen::Error::CouldNotParseCertificate)?;
        let holders = Holders::of(sides);
        let instances = Instances::of(sides, (&holders, &anybody), now);
        let people = People::of(sides, &instances, (&passes, &token_finders));
        let edge_holders = EdgeHolders([0, 1].map(|side: usize| {
            let edges = sides[side].snapshot.sources.edges.iter();
            edges
                .flat_map(|edges| {
                    let judged = |holder| holders.judge(edges.store(), &anybody, holder, now).is_ok();
                    holders.all.iter().copied().map(judged).collect::<Vec<_>>()
                })
                .collect()
        }));
        Ok(Self {
            sides,
            holders,
            instances,
            people,
            edge_holders,
            passes,
            token_finders,
            signer: Signer::assumed_by(sides),
            leaves,
            now,
            made: RefCell::default(),
            signed: RefCell::default(),
            supposed: RefCell::default(),
        })
    }

    /// A certificate with this name, if there can be one.
    pub(super) fn leaf(&self, name: u32) -> Option<Rc<Shown>> {
        if let Some(known) = self.made.borrow().get(&name) {
            return known.clone();
        }
        let named = self.people.names.get(name as usize);
        let made = named.and_then(|name| Shown::by(&self.leaves, name)).map(Rc::new);
        self.made.borrow_mut().insert(name, made.clone());
        made
    }

    /// Whether a certificate with this name could be an edge's.
    pub(super) fn is_edge_name(&self, side: usize, name: u32) -> bool {
        let Some(edges) = &self.sides[side].snapshot.sources.edges else {
            return false;
        };
        let Some(shown) = self.leaf(name) else {
            return false;
        };
        edges.would_know(&shown.leaf)
    }

    /// The route that a request takes on one side, whoever sends it.
    pub(super) fn route(&self, side: usize, request: &PlannedRequest) -> Option<usize> {
        let head = request.head(None, |builder| builder)?;
        let path = path::normalise(head.uri.path()).ok()?;
        let facts = RequestFacts {
            method: &head.method,
            host: &request.host,
            listener_port: self.sides[side].listener(request.scheme).port(),
            path: &path,
            headers: &head.headers,
            tls: request.scheme == Scheme::Https,
            sni: request.server_name.as_deref(),
        };
        let matched = self.sides[side].snapshot.router.find(&facts)?;
        Some(matched.route)
    }

    /// What one side says to a request; `None` if nobody could send it.
    pub(super) fn ask(
        &self,
        side: usize,
        request: &PlannedRequest,
        (sender, client): (&Sender, IpAddr),
        readers: &Readers<'_>,
    ) -> Option<Verdict> {
        let snapshot = &self.sides[side].snapshot;
        let until = later(self.now, FOR_NOW);
        let is_tls = sender.carrier.is_some() || request.scheme == Scheme::Https;
        let server_name = request.server_name.as_deref().filter(|_| is_tls);
        let asks = is_tls && snapshot.handshakes.choose(server_name).asks;
        let shown = |of: Option<(u32, usize)>| match of {
            Some((name, holder)) => self.leaf(name).map(|shown| Some((shown, name, holder))),
            None => Some(None),
        };
        // Who is not asked cannot show any.
        let (on_socket, in_header) = (shown(sender.socket.filter(|_| asks))?, shown(sender.header)?);
        let connection = self.connection(
            side,
            request,
            (sender, client),
            (asks, on_socket.as_ref().map(|(shown, ..)| &**shown)),
        );
        if let Some((shown, _, holder)) = &on_socket {
            let edges = snapshot.sources.edges.as_ref();
            let identity = edges.and_then(|edges| {
                let holder = self.holders.all[*holder];
                let path = self.holders.judge(edges.store(), &shown.leaf, holder, self.now);
                edges.suppose(&path.ok()?)
            });
            connection.suppose_edge(snapshot.generation, until, identity);
        }
        let mut remembered: Vec<(&CertificateAuth, Digest)> = Vec::new();
        for instance in &readers.instances {
            let reader = &self.instances.all[*instance];
            let shown = match reader.source {
                Source::Socket => &on_socket,
                Source::Header(..) => &in_header,
            };
            let Some((shown, name, holder)) = shown.as_ref().filter(|_| reader.side == side) else {
                continue;
            };
            let supposed = self.suppose(*instance, shown, (*name, *holder));
            for digest in shown.read_by(reader.source, &sender.lines) {
                reader.auth.remember(digest, &supposed, until);
                remembered.push((reader.auth, digest));
            }
        }
        let certificate = in_header.as_ref().map(|(shown, ..)| &**shown);
        let certificates = in_header.iter().chain(&on_socket);
        let thumbprint = certificates.map(|(shown, ..)| shown.leaf.sha256()).next();
        let brought = self.brought(sender, thumbprint, &readers.asking[side]);
        let argument = match &brought {
            Some(Written::Argument(argument)) => Some(&**argument),
            Some(Written::Header(..) | Written::Form(_)) | None => None,
        };
        let head = request.head(argument, |builder| {
            let builder = match &brought {
                Some(Written::Header(name, value)) => builder.header(name, value),
                Some(Written::Form(_)) => builder.header(CONTENT_TYPE, "application/x-www-form-urlencoded"),
                Some(Written::Argument(_)) | None => builder,
            };
            self.more(builder, (side, request.scheme), (sender, client), certificate)
        })?;
        let form = match brought {
            Some(Written::Form(fields)) => Form::of_body(&head.method, &head.headers, fields),
            Some(Written::Header(..) | Written::Argument(_)) | None => Form::Absent,
        };
        let verdict = Verdict::with_form(snapshot, &connection, (head, form), self.now);
        for (auth, digest) in remembered {
            auth.forget(&digest);
        }
        Some(verdict)
    }

    /// What a key, a password or a token comes in.
    fn brought(
        &self,
        sender: &Sender,
        thumbprint: Option<[u8; 32]>,
        asking: &[&OpenIdConnect],
    ) -> Option<Written> {
        let (pass, presentation, limit) = sender.pass.as_ref()?;
        let grant = presentation.grant.as_ref();
        let thumbprint = thumbprint.filter(|_| grant.is_some_and(|grant| grant.is_bound));
        let access_token = grant
            .zip(self.signer.as_ref())
            .map(|(grant, signer)| self.signed(signer, *pass, grant, thumbprint));
        let writing = Writing {
            now: self.now,
            limit: *limit,
            access_token: access_token.as_deref(),
        };
        let value = presentation.value(&self.passes[*pass], &writing);
        let said = grant.map(|grant| (&**grant, &*self.passes[*pass].name));
        for plugin in asking {
            if let Some(signer) = &self.signer {
                signer.answer(plugin, (&value, said), thumbprint, self.now);
            }
        }
        Some(presentation.written(value))
    }

    /// Signed once: plugins remember what they have verified.
    fn signed(
        &self,
        signer: &Signer,
        pass: usize,
        grant: &Rc<Grant>,
        thumbprint: Option<[u8; 32]>,
    ) -> Rc<str> {
        let key = (pass, Rc::as_ptr(grant).addr(), thumbprint);
        if let Some(known) = self.signed.borrow().get(&key) {
            return Rc::clone(&known.token);
        }
        let token: Rc<str> = signer
            .sign(grant, &self.passes[pass].name, thumbprint, self.now)
            .into();
        let signed = Signed {
            _grant: Rc::clone(grant),
            token: Rc::clone(&token),
        };
        self.signed.borrow_mut().insert(key, signed);
        token
    }

    fn suppose(&self, instance: usize, shown: &Shown, (name, holder): (u32, usize)) -> Supposed {
        let key = (instance, name, holder);
        if let Some(known) = self.supposed.borrow().get(&key) {
            return known.clone();
        }
        let reader = &self.instances.all[instance];
        let judged = self.holders.judge(
            reader.auth.store(),
            &shown.leaf,
            self.holders.all[holder],
            self.now,
        );
        let supposed = reader
            .auth
            .suppose(judged, &self.sides[reader.side].snapshot.consumers);
        self.supposed.borrow_mut().insert(key, supposed.clone());
        supposed
    }

    fn connection(
        &self,
        side: usize,
        request: &PlannedRequest,
        (sender, client): (&Sender, IpAddr),
        (asks, shown): (bool, Option<&Shown>),
    ) -> Connection {
        let peer = SocketAddr::new(sender.carrier.unwrap_or(client), 40_000);
        let is_tls = sender.carrier.is_some() || request.scheme == Scheme::Https;
        if !is_tls {
            return Connection::plain(peer, self.sides[side].listener(Scheme::Http));
        }
        let negotiated = Negotiated {
            version: "TLSv1.3",
            cipher: "TLS_AES_128_GCM_SHA256",
            key_exchange: "X25519MLKEM768",
            protocol: Protocol::Http1,
            server_name: request.server_name.as_deref().map(Into::into),
        };
        let local = self.sides[side].listener(Scheme::Https);
        let chain = shown.map(|shown| shown.chain.all());
        Connection::tls((peer, local), negotiated, asks, chain)
    }

    /// What a carrier adds, and the certificate.
    fn more(
        &self,
        mut builder: Builder,
        (side, scheme): (usize, Scheme),
        (sender, client): (&Sender, IpAddr),
        certificate: Option<&Shown>,
    ) -> Builder {
        if sender.carrier.is_some() {
            let client = client.to_string();
            builder = builder
                .header("x-forwarded-proto", scheme.as_str())
                .header("x-forwarded-for", &client);
            let real_ip = &self.sides[side].settings().real_ip_header;
            if real_ip != "x-forwarded-for" {
                builder = builder.header(real_ip, client);
            }
        }
        for (name, format) in sender.lines.iter() {
            if let Some(shown) = certificate {
                builder = builder.header(name, shown.written(*format));
            }
        }
        builder
    }
}
