//! One request, from top to bottom: refuse, strip, stamp, originate again, answer.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use tracing::debug;
use transport::acme;
use transport::body::{RequestBody, ResponseBody, UploadLimits};
use transport::hop::{self, Upgrade};
use transport::tunnel;
use transport::upstream::{Answer, Outgoing, Upstream};

use crate::access_log::Account;
use crate::admission::{Payload, Reuse, admit};
use crate::connection::{Connection, FAREWELL};
use crate::host::{self, HostForm};
use crate::plan::HttpService;
use crate::rejection::Rejection;
use crate::standing;

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Answers one request of a connection.
pub(crate) async fn handle(
    connection: &Arc<Connection>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let in_flight = connection.activity.begin();
    let view = connection.door.view(); // one view for the whole request
    let (version, is_head) = (request.version(), request.method() == Method::HEAD);
    let mut account = Account::open(connection, (&view.listener.name, &view.logs), &request);
    if let Some(text) = challenge_text(connection, &request) {
        return account.settle(text).map(|body| body.holding(in_flight));
    }
    let answer = match view.http() {
        Some(service) => forward(connection, service, request, &mut account).await,
        None => Err(Rejection::ListenerChanged),
    };
    let response = answer.unwrap_or_else(|rejection| {
        debug!(id = %connection.id, %rejection, "answering a request instead of a target");
        account.rejected(&rejection);
        let own = own_answer(&rejection, version);
        if is_head { ResponseBody::left_out(own) } else { own }
    });
    account.settle(response).map(|body| body.holding(in_flight))
}

/// What an ACME server looks for by `http-01`: at a listener that speaks http, and only if it is us who it is looked for
/// at. Whatever else is under that path is the targets' own.
fn challenge_text(connection: &Connection, request: &Request<Incoming>) -> Option<Response<ResponseBody>> {
    let is_plain = connection.tls.is_none() && request.method() == Method::GET;
    let token = acme::challenge_token(request.uri().path()).filter(|_| is_plain)?;
    let text = connection.door.challenges.text(token)?;
    let mut response = Response::new(ResponseBody::full(text.to_string()));
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Some(response)
}

async fn forward(
    connection: &Arc<Connection>,
    service: &HttpService,
    request: Request<Incoming>,
    account: &mut Account<'_>,
) -> Result<Response<ResponseBody>, Rejection> {
    let HttpService {
        attributes,
        strip,
        targets,
        ..
    } = service;
    let (mut head, body) = request.into_parts();
    let admitted = admit(&head, payload(&body), attributes, strip)?;
    let upgrade = hop::strip_request(&mut head.headers);
    admitted.strip_forged(&mut head.headers);
    host::settle(
        &mut head,
        HostForm::of(attributes),
        connection.door.address.port(),
        &connection.door.own_host,
    )?;
    connection.stamp(&mut head.headers, attributes, &account.request);
    let mut inbound = Inbound {
        version: head.version,
        upgrade,
        reuse: admitted.reuse,
        on_upgrade: head.extensions.remove(),
    };
    let outgoing = originate(head, body, &inbound, service);
    account.uploading(outgoing.progress.as_ref());
    let asked = account.clock();
    let (target, answer) = targets
        .send(outgoing, &connection.door.failures)
        .await
        .map_err(|failed| account.unanswered(asked, failed))?;
    account.answered(target, asked, answer.response.status());
    inbound.answer(connection, target, answer)
}

/// What has to be known of a request when its answer comes.
struct Inbound {
    version: Version,
    upgrade: Upgrade,
    reuse: Reuse,
    on_upgrade: Option<OnUpgrade>,
}

fn payload(body: &Incoming) -> Payload {
    if body.is_end_stream() {
        Payload::None
    } else {
        Payload::Some
    }
}

/// The request as it goes on: HTTP/1.1, with the headers that it has now.
fn originate(head: Parts, body: Incoming, inbound: &Inbound, service: &HttpService) -> Outgoing {
    let limits = UploadLimits {
        stall: service.limits.idle,
        length: None,
    };
    let (body, progress) = RequestBody::stream(body, limits);
    let mut request = Request::new(body);
    *request.method_mut() = head.method;
    *request.uri_mut() = head.uri;
    *request.headers_mut() = head.headers;
    let headers = request.headers_mut();
    if inbound.version >= Version::HTTP_2 {
        hop::join_cookies(headers);
    }
    if inbound.reuse == Reuse::Refused {
        headers.insert(header::CONNECTION, CLOSE);
    } else if inbound.upgrade == Upgrade::WebSocket {
        hop::write_websocket(headers);
    }
    Outgoing {
        request,
        progress,
        server_name: None,
    }
}

impl Inbound {
    /// The target's answer as the client gets it.
    fn answer(
        &mut self,
        connection: &Arc<Connection>,
        target: &Upstream,
        answer: Answer,
    ) -> Result<Response<ResponseBody>, Rejection> {
        let Answer { mut response, lease } = answer;
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let joined = switched.then(|| (self.on_upgrade.take(), hyper::upgrade::on(&mut response)));
        let (mut head, body) = response.into_parts();
        hop::strip_response(&mut head.headers);
        head.version = Version::HTTP_11;
        head.extensions.clear();
        let body = match (joined, self.upgrade) {
            (None, _) => ResponseBody::stream(body, lease, target.read_timeout()),
            (Some((Some(client), upstream)), Upgrade::WebSocket) => {
                hop::write_websocket(&mut head.headers);
                tunnel::join_until(client, upstream, end_of_tunnel(Arc::clone(connection)));
                ResponseBody::full("")
            }
            (Some(_), Upgrade::WebSocket | Upgrade::None) => return Err(Rejection::UnaskedUpgrade),
        };
        if self.reuse == Reuse::Refused && self.version < Version::HTTP_2 {
            head.headers.insert(header::CONNECTION, CLOSE);
        }
        Ok(Response::from_parts(head, body))
    }
}

/// A tunnel may not outlive the certificate that opened it by more than a farewell. Holds the connection, and with it
/// the drain, for as long as the tunnel is open.
async fn end_of_tunnel(connection: Arc<Connection>) {
    let _in_flight = connection.activity.begin();
    standing::lost(&connection).await;
    tokio::time::sleep(FAREWELL).await;
}

fn own_answer(rejection: &Rejection, version: Version) -> Response<ResponseBody> {
    let mut response = rejection.response();
    if rejection.ends_connection() && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, CLOSE);
    }
    response
}
