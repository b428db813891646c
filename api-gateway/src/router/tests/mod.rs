//! Whole routers: who wins, and the index against a plain walk.

mod matching;
mod precedence;
mod reference;
mod same_answers;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use uuid::Uuid;

use super::{RequestFacts, RouteMatchers, Router};

/// Everything a request owns, so that tests can say only what matters.
#[derive(Clone, Debug)]
struct TestRequest {
    method: Method,
    host: String,
    path: String,
    headers: HeaderMap,
    tls: bool,
    sni: Option<String>,
}

impl TestRequest {
    fn get(path: &str) -> Self {
        Self {
            method: Method::GET,
            host: "example.com".into(),
            path: path.into(),
            headers: HeaderMap::new(),
            tls: true,
            sni: None,
        }
    }

    fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    fn host(self, host: &str) -> Self {
        Self {
            host: host.into(),
            ..self
        }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
        self
    }

    fn sni(self, sni: &str) -> Self {
        Self {
            sni: Some(sni.into()),
            ..self
        }
    }

    fn http(self) -> Self {
        Self { tls: false, ..self }
    }

    fn facts(&self) -> RequestFacts<'_> {
        RequestFacts {
            method: &self.method,
            host: &self.host,
            listener_port: 8443,
            path: &self.path,
            headers: &self.headers,
            tls: self.tls,
            sni: self.sni.as_deref(),
        }
    }
}

fn route() -> RouteMatchers {
    RouteMatchers {
        id: Uuid::from_u128(1),
        ..RouteMatchers::default()
    }
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

impl RouteMatchers {
    fn with_id(self, id: u128) -> Self {
        Self {
            id: Uuid::from_u128(id),
            ..self
        }
    }

    fn with_methods(self, methods: &[&str]) -> Self {
        Self {
            methods: strings(methods),
            ..self
        }
    }

    fn with_hosts(self, hosts: &[&str]) -> Self {
        Self {
            hosts: strings(hosts),
            ..self
        }
    }

    fn with_paths(self, paths: &[&str]) -> Self {
        Self {
            paths: strings(paths),
            ..self
        }
    }

    fn with_header(mut self, name: &str, values: &[&str]) -> Self {
        self.headers.push((name.into(), strings(values)));
        self
    }

    fn with_snis(self, snis: &[&str]) -> Self {
        Self {
            snis: strings(snis),
            ..self
        }
    }

    fn with_regex_priority(self, regex_priority: i64) -> Self {
        Self {
            regex_priority,
            ..self
        }
    }

    fn takes(self, request: &TestRequest) -> bool {
        Router::compile(&[self]).unwrap().find(&request.facts()).is_some()
    }
}
