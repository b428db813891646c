//! The admin listener: `/health`, `/ready`, `/metrics`, `/certificates`, `/handshakes` and `/stapling`, over plain HTTP, for
//! the machines around the edge.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tracing::debug;
use transport::activity::Activity;
use transport::body::ResponseBody;
use transport::drain::Draining;
use transport::listen;
use transport::serve::{self, ConnectionLimits, Protocol};

use crate::edge::{Control, Phase};
use crate::metrics;

/// How long its connections have to close when everything else has stopped.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(1);

const LIMITS: ConnectionLimits = ConnectionLimits {
    idle: Duration::from_mins(1),
    lifetime: Duration::from_hours(1),
};

/// Answers until the drain begins.
pub(crate) async fn serve(socket: TcpListener, control: Control, draining: Draining) {
    let connections = {
        let draining = draining.clone();
        move |stream, peer| answer(stream, peer, control.clone(), draining.clone())
    };
    listen::accept(socket, draining, connections).await;
}

async fn answer(stream: TcpStream, peer: SocketAddr, control: Control, draining: Draining) {
    let activity = Activity::new();
    let requests = {
        let activity = std::sync::Arc::clone(&activity);
        service_fn(move |request: Request<Incoming>| {
            let response = respond(&control, request.method(), request.uri().path());
            let in_flight = activity.begin();
            async move { Ok::<_, Infallible>(response.map(|body| body.holding(in_flight))) }
        })
    };
    let served = serve::http(stream, Protocol::Http1, requests, &activity, (LIMITS, draining));
    if let Err(error) = served.await {
        debug!(%peer, %error, "a connection to the admin listener ended");
    }
}

fn respond(control: &Control, method: &Method, path: &str) -> Response<ResponseBody> {
    if method != Method::GET && method != Method::HEAD {
        return text(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are answered here\n".to_owned(),
        );
    }
    match path {
        "/health" => json(StatusCode::OK, &json!({"message": "alive"})),
        "/ready" => match reason_against(control.phase()) {
            None => json(StatusCode::OK, &json!({"message": "ready"})),
            Some(reason) => json(
                StatusCode::SERVICE_UNAVAILABLE,
                &json!({"message": "not ready", "reasons": [reason]}),
            ),
        },
        "/metrics" => {
            let counted = control.doors().map(|(name, door)| (name, &door.metrics));
            let own = metrics::render(counted);
            let failed = control.failures().exposition("edge_proxy");
            let issued = control.issued().exposition("edge_proxy");
            let stapled = control.stapler().exposition("edge_proxy");
            text(StatusCode::OK, own + &failed + &issued + &stapled)
        }
        "/certificates" => json(StatusCode::OK, &control.issued().json()),
        "/stapling" => json(StatusCode::OK, &control.stapler().json()),
        "/handshakes" => json(StatusCode::OK, &control.failures().newest(usize::MAX)),
        _ => text(
            StatusCode::NOT_FOUND,
            "there is /health, /ready, /metrics, /certificates, /handshakes and /stapling here\n".to_owned(),
        ),
    }
}

/// Why no new client should be sent here.
fn reason_against(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Starting => Some("starting"),
        Phase::Serving => None,
        Phase::Leaving => Some("shutting down"),
        Phase::Draining => Some("draining"),
    }
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response<ResponseBody> {
    let json = HeaderValue::from_static("application/json");
    response(status, json, format!("{value}\n"))
}

fn text(status: StatusCode, body: String) -> Response<ResponseBody> {
    let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response(status, plain, body)
}

fn response(status: StatusCode, content_type: HeaderValue, body: String) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
