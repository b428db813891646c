//! What `certs init` makes, file by file.

use super::{PKCS12_PASSWORD, files::Planned};
use crate::{Attribute, Authority, Ca, Issued, Leaf, PkiError, Reason, Revocations, Subject, Validity};

/// The directories of the tree.
pub(super) const DIRECTORIES: [&str; 6] = ["ca", "crl", "edge", "gateway", "upstream", "clients"];

/// The authorities by the names of their files, issuer before issued.
pub(super) const AUTHORITIES: [&str; 3] = ["internal", "clients-root", "clients-intermediate"];

/// Where the certificates say that an authority's list is. `.test` is nobody's (RFC 6761), so nothing is fetched from
/// strangers; serve `crl/` under that name, or give the lists to the gateway as files.
pub(super) fn list_url(authority: &str) -> String {
    format!("http://pki.test/crl/{authority}.crl")
}

/// Everything, in memory: two roots, because clients and our own tiers must not vouch for each other.
pub(super) fn files() -> Result<Vec<Planned>, PkiError> {
    let internal = Authority::root(authority("Sallyport Internal Root", "internal").path_length(0))?;
    let root = Authority::root(authority("Sallyport Clients Root", "clients-root").path_length(1))?;
    let intermediate = root
        .intermediate(authority("Sallyport Clients Intermediate", "clients-intermediate").path_length(0))?;

    let mut files = Vec::new();
    for (name, authority) in AUTHORITIES.into_iter().zip([&internal, &root, &intermediate]) {
        files.push(Planned::secret(format!("ca/{name}.key"), authority.key_pem()));
        files.push(Planned::public(format!("ca/{name}.pem"), authority.pem()));
    }
    files.push(Planned::public("ca/clients.pem", intermediate.path_pem()));
    tiers(&internal, &mut files)?;
    let revoked = clients(&intermediate, &mut files)?;

    let lists = [Revocations::none(), Revocations::none(), {
        Revocations::none().and(revoked.serial(), Reason::KeyCompromise)
    }];
    for ((name, authority), list) in AUTHORITIES
        .into_iter()
        .zip([&internal, &root, &intermediate])
        .zip(lists)
    {
        files.push(Planned::public(
            format!("crl/{name}.crl"),
            authority.revocation_list(list)?.pem(),
        ));
    }
    Ok(files)
}

/// Edge, gateway and upstream: what each shows as a server, and what the first two show as clients.
fn tiers(internal: &Authority, files: &mut Vec<Planned>) -> Result<(), PkiError> {
    let local = |name: &str| Leaf::server(name).dns("localhost").ip([127, 0, 0, 1]);
    for (stem, leaf) in [
        ("edge/server", local("edge.test")),
        ("edge/client", Leaf::client("edge.internal").dns("edge.internal")),
        (
            "gateway/server",
            Leaf::server("gateway.internal")
                .dns("gateway.test")
                .dns("localhost")
                .ip([127, 0, 0, 1]),
        ),
        (
            "gateway/client",
            Leaf::client("gateway.internal").dns("gateway.internal"),
        ),
        ("upstream/server", local("upstream.test")),
    ] {
        pair(stem, &internal.issue(leaf)?, files);
    }
    Ok(())
}

/// The clients; the one to be revoked is handed back.
fn clients(intermediate: &Authority, files: &mut Vec<Planned>) -> Result<Issued, PkiError> {
    let person = |name: &str| Leaf::client(name).email(&format!("{name}@example.com"));
    client("alice", &intermediate.issue(person("alice"))?, files)?;
    client("bob", &intermediate.issue(person("bob"))?, files)?;
    client(
        "expired",
        &intermediate.issue(person("expired").validity(Validity::ended_days_ago(30)))?,
        files,
    )?;
    let revoked = intermediate.issue(person("revoked"))?;
    client("revoked", &revoked, files)?;
    // Alice's names from somebody that nobody here trusts.
    let stranger = Authority::root(authority("Mallory Root", "mallory"))?;
    client("mallory", &stranger.issue(person("alice"))?, files)?;
    Ok(revoked)
}

fn authority(common_name: &str, file: &str) -> Ca {
    let subject = Subject::empty()
        .with(Attribute::Organization, "Sallyport")
        .with(Attribute::CommonName, common_name);
    Ca::named(common_name).subject(subject).crl_url(&list_url(file))
}

/// Certificate chain and key. The key first: who sees the certificate finds the key.
pub(super) fn pair(stem: &str, issued: &Issued, files: &mut Vec<Planned>) {
    files.push(Planned::secret(format!("{stem}.key"), issued.key_pem()));
    files.push(Planned::public(format!("{stem}.pem"), issued.chain_pem()));
}

/// A pair in `clients/` and the same for browsers.
pub(super) fn client(name: &str, issued: &Issued, files: &mut Vec<Planned>) -> Result<(), PkiError> {
    files.push(Planned::secret(
        format!("clients/{name}.p12"),
        issued.pkcs12(name, PKCS12_PASSWORD)?,
    ));
    pair(&format!("clients/{name}"), issued, files);
    Ok(())
}
