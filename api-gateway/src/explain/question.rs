//! The options as a connection and the head of a request.

use std::fmt::Display;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri, Version};
use rustls::pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use transport::forwarded_cert::{HeaderFormat, PASSTHROUGH_HEADER, encode};
use transport::pem;
use transport::presented::PresentedChain;
use transport::serve::{Negotiated, Protocol};

use super::secrets::Secrets;
use super::{Arguments, Via};
use crate::form::Form;
use crate::identity::Connection;
use crate::plugin::Plugin;
use crate::proxy::verdict::Verdict;
use crate::settings::{Listen, ListenProtocol, Settings};
use crate::snapshot::Snapshot;
use crate::token::KeySet;

/// RFC 5737: nobody's address, so nobody trusts it.
const NOBODYS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SOME_PORT: u16 = 50_000;
const URL_ENCODED: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
/// Of a token or a body; no header line is longer, and no body that is looked into.
const LONGEST: u64 = 64 * 1024;

/// A request, and how it comes.
#[derive(Debug)]
pub(super) struct Question<'s> {
    pub(super) connection: Connection,
    pub(super) head: Parts,
    pub(super) form: Form,
    pub(super) url: Uri,
    pub(super) listener: String,
    pub(super) now: UnixTime,
    /// What is to be known of the certificates that were given.
    pub(super) notes: Vec<String>,
    pub(super) secrets: Secrets<'s>,
}

impl<'s> Question<'s> {
    pub(super) fn new(
        arguments: &Arguments,
        settings: &Settings,
        snapshot: &'s Snapshot,
    ) -> Result<Self, String> {
        let (method, url) = method_and_url(arguments)?;
        let is_tls = url.scheme() == Some(&Scheme::HTTPS);
        let listen = listener(arguments, settings, &url, is_tls)?;
        let now = time(arguments.at.as_deref())?;
        let mut secrets = Secrets::of(snapshot);
        let mut headers = headers(arguments, &url, &mut secrets)?;
        let form = form(arguments.data.as_deref(), &method, &mut headers)?;
        let protocol = if arguments.http2 {
            Protocol::Http2
        } else {
            Protocol::Http1
        };
        if arguments.http2 && listen.protocol != ListenProtocol::HttpsWithHttp2 {
            return Err(format!("the listener `{}` does not speak HTTP/2", listen.name));
        }
        let mut notes = Vec::new();
        let certificate = arguments.cert.as_deref().map(chain).transpose()?;
        let edge = arguments.edge.as_deref().map(chain).transpose()?;
        let via = via(arguments)?;
        let (shown, carried) = match via {
            Via::Socket => (certificate, None),
            Via::Header => (edge, certificate),
        };
        if let (Some(edge), Via::Header) = (&shown, via) {
            notes.extend(no_edge(snapshot, edge, now));
        }
        let mut local = listen.address;
        if local.port() == 0 {
            // The kernel chooses it, and the client has to know it.
            local.set_port(url.port_u16().unwrap_or(if is_tls { 443 } else { 80 }));
        }
        let peer = SocketAddr::new(arguments.from.unwrap_or(NOBODYS), SOME_PORT);
        let connection = if is_tls {
            let server_name = server_name(arguments, &url);
            let asked = snapshot.handshakes.choose(server_name.as_deref()).asks;
            if shown.is_some() && !asked {
                notes.push(
                    "the certificate is not shown: the handshake under this server name asks for none"
                        .to_owned(),
                );
            }
            let negotiated = Negotiated {
                version: "TLSv1.3",
                cipher: "TLS_AES_128_GCM_SHA256",
                key_exchange: "X25519MLKEM768",
                protocol,
                server_name,
            };
            let shown = shown.filter(|_| asked);
            Connection::tls((peer, local), negotiated, asked, shown.as_deref())
        } else {
            if shown.is_some() {
                notes.push("the certificate is not shown: the request comes over plain http".to_owned());
            }
            Connection::plain(peer, local)
        };
        let head = head(method, &url, protocol, headers)?;
        secrets.learn(&head, &form);
        let mut question = Self {
            connection,
            head,
            form,
            url,
            listener: listen.name.clone(),
            now,
            notes,
            secrets,
        };
        if let Some(chain) = carried {
            question.carry(snapshot, chain)?;
        }
        Ok(question)
    }

    /// Puts a certificate into every header that the route's plugins read, as each wants it written; or into an edge's
    /// own, if the route reads none.
    fn carry(&mut self, snapshot: &Snapshot, chain: Vec<CertificateDer<'static>>) -> Result<(), String> {
        let route = Verdict::on(snapshot, &self.connection, self.head.clone(), self.now).route;
        let chain = PresentedChain::new(chain).map_err(|error| error.to_string())?;
        let slots = route.and_then(|route| snapshot.routes.get(route));
        let read: Vec<(HeaderName, HeaderFormat)> = slots
            .into_iter()
            .flat_map(|route| route.chain.slots())
            .filter_map(|slot| {
                let Some(Plugin::HeaderCertAuth(plugin)) = slot.for_everybody() else {
                    return None;
                };
                Some((plugin.header.clone(), plugin.format))
            })
            .collect();
        let read = if read.is_empty() {
            self.notes
                .push("the route reads no certificate from a header; it is sent as an ALB would".to_owned());
            vec![(PASSTHROUGH_HEADER, HeaderFormat::UrlEncoded)]
        } else {
            read
        };
        for (name, format) in read {
            let value = encode(format, &chain).map_err(|error| error.to_string())?;
            self.head.headers.insert(name, value);
        }
        Ok(())
    }
}

/// Why the certificate that was given as an edge's is none.
fn no_edge(snapshot: &Snapshot, edge: &[CertificateDer<'static>], now: UnixTime) -> Option<String> {
    let why = match (&snapshot.sources.edges, PresentedChain::new(edge.to_vec())) {
        (None, _) => "trusted_edges names nobody".to_owned(),
        (Some(_), Err(error)) => error.to_string(),
        (Some(edges), Ok(chain)) => edges.refusal(&chain, now)?,
    };
    Some(format!(
        "the certificate of --edge makes no edge of the peer: {why}"
    ))
}

/// Takes the keys in a file for those that every provider publishes.
pub(super) fn assume_keys(snapshot: &Snapshot, file: &Path) -> Result<(), String> {
    let octets = std::fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let keys = KeySet::parse(&octets).map_err(|error| format!("{}: {error}", file.display()))?;
    for slot in snapshot.routes.iter().flat_map(|route| route.chain.slots()) {
        if let Some(Plugin::OpenIdConnect(plugin)) = slot.for_everybody() {
            plugin.provider().assume(keys.again());
        }
    }
    Ok(())
}

fn method_and_url(arguments: &Arguments) -> Result<(Method, Uri), String> {
    let (method, url) = match arguments.request.as_slice() {
        [url] if arguments.data.is_some() => ("POST", url),
        [url] => ("GET", url),
        [method, url, ..] => (method.as_str(), url),
        [] => return Err("there is no URL".to_owned()),
    };
    let method: Method = method
        .parse()
        .map_err(|_| format!("`{}` is no method", bare(method)))?;
    let shown = bare(url);
    let url: Uri = url
        .parse()
        .map_err(|error| format!("`{shown}` is no URL: {error}"))?;
    match (url.scheme_str(), url.authority()) {
        (Some("http" | "https"), Some(authority)) if authority.as_str().contains('@') => Err(format!(
            "`{shown}` came with a user name: write `-H 'Authorization: Basic …'` instead"
        )),
        (Some("http" | "https"), Some(authority))
            if authority.as_str().len() > authority.host().len() && authority.port_u16().is_none() =>
        {
            Err(format!("`{shown}` has a port that is none"))
        }
        (Some("http" | "https"), Some(_)) => Ok((method, url)),
        _ => Err(format!("`{shown}` is no absolute http or https URL")),
    }
}

/// What may be said of something that cannot be made out: no arguments, and no user name or password before a host.
fn bare(text: &str) -> String {
    let (text, more) = match text.split_once('?') {
        Some((path, _)) => (path, "?…"),
        None => (text, ""),
    };
    let shown = match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => text.to_owned(),
    };
    format!("{shown}{more}")
}

/// The entry of `proxy_listen` that is named; else one that speaks the scheme, the URL's port before others.
fn listener<'s>(
    arguments: &Arguments,
    settings: &'s Settings,
    url: &Uri,
    is_tls: bool,
) -> Result<&'s Listen, String> {
    let listens = &settings.proxy_listen;
    let names = || {
        let names: Vec<String> = listens
            .iter()
            .map(|listen| format!("`{}`", listen.name))
            .collect();
        names.join(", ")
    };
    let speaks = |listen: &&Listen| listen.protocol.is_tls() == is_tls;
    if let Some(wanted) = &arguments.listener {
        let by_name = listens.iter().find(|listen| listen.name == *wanted);
        let by_address = |listen: &&Listen| listen.address.to_string() == *wanted;
        let meant = by_name.or_else(|| listens.iter().find(by_address));
        let meant =
            meant.ok_or_else(|| format!("proxy_listen has no entry `{wanted}`: there are {}", names()))?;
        return if speaks(&meant) {
            Ok(meant)
        } else {
            Err(format!(
                "the listener `{}` does not speak {}",
                meant.name,
                url.scheme_str().unwrap_or_default()
            ))
        };
    }
    let port = url.port_u16();
    let has_port = |listen: &&Listen| Some(listen.address.port()) == port;
    let mut fitting = listens.iter().filter(speaks);
    let by_port = fitting.clone().find(has_port);
    by_port.or_else(|| fitting.next()).ok_or_else(|| {
        let scheme = url.scheme_str().unwrap_or_default();
        format!("no entry of proxy_listen speaks {scheme}: there are {}", names())
    })
}

fn time(text: Option<&str>) -> Result<UnixTime, String> {
    let Some(text) = text else {
        return Ok(UnixTime::now());
    };
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|error| format!("`{text}` is no time such as 2027-01-31T12:00:00Z: {error}"))?;
    let seconds = u64::try_from(time.unix_timestamp()).map_err(|_| format!("`{text}` is before 1970"))?;
    Ok(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

/// Addresses are never sent as a server name (RFC 6066 §3).
fn server_name(arguments: &Arguments, url: &Uri) -> Option<Box<str>> {
    if arguments.no_sni {
        return None;
    }
    if let Some(name) = &arguments.sni {
        return Some(name.to_ascii_lowercase().into());
    }
    let host = url.host()?;
    let is_address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    (!is_address).then(|| host.to_ascii_lowercase().into())
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    pem::certificates_given(path).map_err(|error| error.to_string())
}

/// Those of the command line, `Host` among them as the URL has it unless they say otherwise.
fn headers(arguments: &Arguments, url: &Uri, secrets: &mut Secrets<'_>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (index, text) in arguments.headers.iter().enumerate() {
        // Of what cannot be made out nobody knows which part is a credential.
        let bad = |error: &dyn Display| {
            let number = index + 1;
            format!("the header number {number} is none, which is written `NAME: VALUE`: {error}")
        };
        let (name, value) = text.split_once(':').ok_or_else(|| bad(&"there is no colon"))?;
        let name: HeaderName = name.trim().parse().map_err(|error| bad(&error))?;
        let value = HeaderValue::from_str(value.trim()).map_err(|error| bad(&error))?;
        headers.append(name, value);
    }
    if let Some(token) = arguments.token.as_deref() {
        let token = given_text(token, "token")?;
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| "the token holds what no header can".to_owned())?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
        secrets.add(token);
    }
    if !headers.contains_key(header::HOST)
        && !arguments.http2
        && let Some(authority) = url.authority()
    {
        let host = HeaderValue::from_str(authority.as_str()).map_err(|error| error.to_string())?;
        headers.insert(header::HOST, host);
    }
    Ok(headers)
}

/// What an option says: itself, or what is in a file.
fn given_text(given: &str, what: &str) -> Result<String, String> {
    let mut text = String::new();
    let cannot = |error: std::io::Error| format!("cannot read the {what}: {error}");
    if given == "-" {
        let stdin = std::io::stdin().lock();
        stdin.take(LONGEST).read_to_string(&mut text).map_err(cannot)?;
    } else if let Some(file) = given.strip_prefix('@') {
        let file = std::fs::File::open(file).map_err(cannot)?;
        file.take(LONGEST).read_to_string(&mut text).map_err(cannot)?;
    } else {
        given.clone_into(&mut text);
    }
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("the {what} is empty"));
    }
    Ok(text.to_owned())
}

/// How the certificate comes.
fn via(arguments: &Arguments) -> Result<Via, String> {
    match (arguments.via, &arguments.edge) {
        (Some(Via::Socket), Some(_)) => {
            Err("with --edge the handshake is the edge's: --via socket cannot be".to_owned())
        }
        (Some(via), _) => Ok(via),
        (None, Some(_)) => Ok(Via::Header),
        (None, None) => Ok(Via::Socket),
    }
}

/// What the gateway would have read of a body.
fn form(given: Option<&str>, method: &Method, headers: &mut HeaderMap) -> Result<Form, String> {
    let Some(given) = given else {
        return Ok(Form::Absent);
    };
    let body = given_text(given, "body")?;
    headers.entry(header::CONTENT_TYPE).or_insert(URL_ENCODED);
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    Ok(Form::of_body(method, headers, body))
}

/// The head as hyper hands it over.
fn head(method: Method, url: &Uri, protocol: Protocol, headers: HeaderMap) -> Result<Parts, String> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.headers_mut() = headers;
    match protocol {
        Protocol::Http1 => {
            let path = url.path_and_query().map_or("/", PathAndQuery::as_str);
            *request.uri_mut() = path.parse().map_err(|error| format!("`{path}`: {error}"))?;
        }
        Protocol::Http2 => {
            *request.uri_mut() = url.clone();
            *request.version_mut() = Version::HTTP_2;
        }
    }
    Ok(request.into_parts().0)
}
