//! Which handshakes ask for a certificate, and of which authorities: by the server names of the routes that an
//! `mtls-auth` judges, by `send_ca_dn`, and by whether edges have to prove themselves.

use harness::stack::{Plan, Stack};
use transport::certificate::Certificate;

use crate::names_to_consumers::Roots;

/// The gateway's names, as clients ask for them: the last is no route's.
const NAMES: [&str; 3] = ["gateway.internal", "gateway.test", "localhost"];

/// An `mtls-auth` that trusts these authorities.
fn mtls(authorities: &str, more: &str) -> String {
    format!("{{name: mtls-auth, config: {{ca_certificates: [{authorities}]{more}}}}}")
}

/// A route under these server names, or any if there are none, with these plugins.
fn route(number: usize, snis: &str, plugins: &str) -> String {
    let snis = if snis.is_empty() {
        String::new()
    } else {
        format!(", snis: [{snis}], protocols: [https]")
    };
    format!("  - {{name: r{number}, service: echo, paths: [/r{number}]{snis}, plugins: [{plugins}]}}\n")
}

fn document(global: &str, service: &str, routes: &[(&str, &str)]) -> String {
    let routes: String = routes
        .iter()
        .enumerate()
        .map(|(number, (snis, plugins))| route(number, snis, plugins))
        .collect();
    format!(
        "_format_version: \"3.0\"\nservices: [{{name: echo, url: \"http://{{echo}}\", plugins: [{service}]}}]\n\
         plugins: [{global}]\nroutes:\n{routes}"
    )
}

/// What each of [`NAMES`] is asked for: `-` for nothing, `any`, or the names, `edges` for the authority of the edges.
async fn asked(roots: &Roots, plan: Plan) -> [String; 3] {
    let plan = plan.without_lists().without_edge();
    let stack = plan
        .authority("a", &roots.a)
        .authority("b", &roots.b)
        .start()
        .await;
    let edges = Certificate::parse(stack.pki.authority("internal").certificate().clone()).unwrap();
    let edges = edges.subject().to_string();
    let mut found = NAMES.map(str::to_owned);
    for name in &mut found {
        let asked = stack.gateway_as(name).asked_for().await.unwrap();
        *name = match asked {
            None => "-".to_owned(),
            Some(names) if names.is_empty() => "any".to_owned(),
            Some(names) => names
                .iter()
                .map(|name| if *name == edges { "edges" } else { name })
                .collect::<Vec<_>>()
                .join(" "),
        };
    }
    found
}

#[tokio::test]
async fn by_the_names_of_the_routes_that_it_judges() {
    let roots = Roots::new();
    let (hints, quiet) = (|ca| mtls(ca, ", send_ca_dn: true"), |ca| mtls(ca, ""));
    let both = mtls("{b}, {a}", ", send_ca_dn: true");
    let acl = "{name: acl, config: {allow: [x]}}";
    let reading = "{name: header-cert-auth, config: {ca_certificates: [{a}], certificate_header_name: X-Client-Cert, \
                   certificate_header_format: url_encoded}}";
    let (a, b) = (hints("{a}"), hints("{b}"));
    let (a, b, any, off) = (
        a.as_str(),
        b.as_str(),
        quiet("{a}"),
        "{name: mtls-auth, enabled: false, config: {ca_certificates: [{a}]}}",
    );
    let any = any.as_str();
    let rows = table![
        ("nobody judges", document("", "", &[("", acl)]), ["-", "-", "-"]);
        ("a header is judged", document("", "", &[("", reading)]), ["-", "-", "-"]);
        ("disabled", document("", "", &[("", off)]), ["-", "-", "-"]);
        ("a route under every name", document("", "", &[("", any)]), ["any", "any", "any"]);
        ("its authority told", document("", "", &[("", a)]), ["CN=A", "CN=A", "CN=A"]);
        ("its authorities told", document("", "", &[("", &both)]), ["CN=B CN=A", "CN=B CN=A", "CN=B CN=A"]);
        ("two routes, each once", document("", "", &[("", a), ("", &both), ("", a)]),
            ["CN=A CN=B", "CN=A CN=B", "CN=A CN=B"]);
        ("globally", document(a, "", &[("", "")]), ["CN=A", "CN=A", "CN=A"]);
        ("globally, though routes have names", document(any, "", &[("gateway.test", "")]), ["any", "any", "any"]);
        ("one name", document("", "", &[("gateway.internal", any), ("", acl)]), ["any", "-", "-"]);
        ("one name each", document("", "", &[("gateway.internal", a), ("gateway.test", b)]), ["CN=A", "CN=B", "-"]);
        ("two names of one", document("", "", &[("\"gateway.internal\", gateway.test", a)]), ["CN=A", "CN=A", "-"]);
        ("a name, and every name", document("", "", &[("gateway.internal", a), ("", b)]), ["CN=A CN=B", "CN=B", "CN=B"]);
        ("one of them for any certificate", document("", "", &[("gateway.internal", a), ("", any)]), ["any", "any", "any"]);
        ("a wildcard on the left", document("", "", &[("\"*.internal\"", a)]), ["CN=A", "-", "-"]);
        ("a wildcard on the right", document("", "", &[("\"gateway.*\"", a)]), ["CN=A", "CN=A", "-"]);
        ("a service, all routes with names", document("", a, &[("gateway.internal", ""), ("gateway.test", "")]),
            ["CN=A", "CN=A", "-"]);
        ("a service, one route without", document("", a, &[("gateway.internal", ""), ("", "")]), ["CN=A", "CN=A", "CN=A"]);
    ];
    for (what, document, expected) in rows {
        let found = asked(&roots, Stack::reading(document).trusting_addresses("10.0.0.0/8")).await;
        assert_eq!(found, expected, "{what}");
    }
}

#[tokio::test]
async fn where_edges_are_named_every_handshake_asks() {
    let roots = Roots::new();
    let a = mtls("{a}", ", send_ca_dn: true");
    let (a, any) = (a.as_str(), mtls("{a}", ""));
    for (what, document, expected) in table![
        ("nobody judges", document("", "", &[("", "")]), ["any", "any", "any"]);
        ("one name, any", document("", "", &[("gateway.internal", &any)]), ["any", "any", "any"]);
        ("one name, told", document("", "", &[("gateway.internal", a)]), ["CN=A edges", "any", "any"]);
        ("every name, told", document("", "", &[("", a)]), ["CN=A edges", "CN=A edges", "CN=A edges"]);
    ] {
        let found = asked(&roots, Stack::reading(document)).await;
        assert_eq!(found, expected, "{what}");
    }
}
