//! One more certificate in a tree that exists.

use std::net::IpAddr;
use std::path::PathBuf;

use time::OffsetDateTime;

use super::{
    Name, Store, TreeError, layout,
    store::{content, parsed},
};
use crate::{Attribute, Issued, Leaf, Subject, Validity};

/// Which of the two roots a certificate hangs under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Issuer {
    /// `clients-intermediate`, for people and their programs.
    #[default]
    Clients,
    /// `internal`, for our own tiers and upstreams.
    Internal,
}

/// What the certificate's holder does in a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It connects: clientAuth.
    Client,
    /// It is connected to: serverAuth.
    Server,
}

/// What to issue. Only the name is needed; what is left empty is filled in as the tree does it.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// The name of the files.
    pub name: Name,
    /// Under which root.
    pub issuer: Issuer,
    /// For what. By default clients of the clients' authority, servers of the internal one.
    pub role: Option<Role>,
    /// Common names; by default the first DNS name of a tier, the name of a client. More than one is ambiguous and
    /// will be refused by verifiers.
    pub common_names: Vec<String>,
    /// E-mail addresses. If no alternative name at all is given: `NAME@example.com` for a client of the clients'
    /// authority.
    pub emails: Vec<String>,
    /// DNS names. If no alternative name at all is given: `NAME.internal` for a tier, and `NAME.test`, `localhost`
    /// and 127.0.0.1 for a server.
    pub dns: Vec<String>,
    /// URIs.
    pub uris: Vec<String>,
    /// IP addresses.
    pub ips: Vec<IpAddr>,
    /// For how many days from now.
    pub days: u32,
}

impl IssueRequest {
    /// Everything as by default.
    pub fn new(name: Name) -> Self {
        Self {
            name,
            issuer: Issuer::default(),
            role: None,
            common_names: Vec::new(),
            emails: Vec::new(),
            dns: Vec::new(),
            uris: Vec::new(),
            ips: Vec::new(),
            days: Validity::LEAF_DAYS,
        }
    }

    fn role(&self) -> Role {
        self.role.unwrap_or(match self.issuer {
            Issuer::Clients => Role::Client,
            Issuer::Internal => Role::Server,
        })
    }

    /// The path of its files without their suffix.
    fn stem(&self) -> String {
        let name = &self.name;
        match (self.issuer, self.role()) {
            (Issuer::Clients, Role::Client | Role::Server) => format!("clients/{name}"),
            (Issuer::Internal, Role::Server) => format!("{name}/server"),
            (Issuer::Internal, Role::Client) => format!("{name}/client"),
        }
    }

    /// The names it gets where none were given, as `init` names its own.
    fn with_names(mut self) -> Self {
        let name = self.name.as_str();
        let nameless =
            self.emails.is_empty() && self.dns.is_empty() && self.uris.is_empty() && self.ips.is_empty();
        if nameless {
            match (self.issuer, self.role()) {
                (Issuer::Clients, Role::Client) if name.contains('@') => self.emails.push(name.to_owned()),
                (Issuer::Clients, Role::Client) => self.emails.push(format!("{name}@example.com")),
                (Issuer::Internal, Role::Client) => self.dns.push(format!("{name}.internal")),
                (Issuer::Clients | Issuer::Internal, Role::Server) => {
                    self.dns = vec![
                        format!("{name}.internal"),
                        format!("{name}.test"),
                        "localhost".to_owned(),
                    ];
                    self.ips = vec![[127, 0, 0, 1].into()];
                }
            }
        }
        if self.common_names.is_empty() {
            let common_name = match (self.issuer, self.dns.first()) {
                (Issuer::Internal, Some(dns)) => dns.clone(),
                (Issuer::Internal, None) | (Issuer::Clients, _) => self.name.to_string(),
            };
            self.common_names.push(common_name);
        }
        self
    }

    fn leaf(self) -> Leaf {
        let role = self.role();
        let Self {
            common_names,
            emails,
            dns,
            uris,
            ips,
            days,
            name: _,
            issuer: _,
            role: _,
        } = self.with_names();
        let subject = common_names.iter().fold(Subject::empty(), |subject, name| {
            subject.with(Attribute::CommonName, name)
        });
        let mut leaf = match role {
            Role::Client => Leaf::client(""),
            Role::Server => Leaf::client("").usages([crate::Usage::Server]),
        };
        leaf = leaf.subject(subject).validity(Validity::days(days));
        leaf = emails.iter().fold(leaf, |leaf, address| leaf.email(address));
        leaf = dns.iter().fold(leaf, |leaf, name| leaf.dns(name));
        leaf = uris.iter().fold(leaf, |leaf, uri| leaf.uri(uri));
        ips.into_iter().fold(leaf, Leaf::ip)
    }
}

impl Store {
    /// Issues a certificate and writes its files, which are returned relative to the directory. A name that is taken
    /// is refused: the old certificate would stay valid, and nobody could take it back without its file.
    pub fn issue(&self, request: IssueRequest) -> Result<(Issued, Vec<PathBuf>), TreeError> {
        let authority = match request.issuer {
            Issuer::Clients => "clients-intermediate",
            Issuer::Internal => "internal",
        };
        let name = request.name.clone();
        let stem = request.stem();
        if request.issuer == Issuer::Internal && ["ca", "crl", "clients"].contains(&name.as_str()) {
            return Err(TreeError::Reserved {
                path: self.path(name.as_str()),
            });
        }
        let taken = ["pem", "key", "p12"].map(|suffix| self.path(format!("{stem}.{suffix}")));
        if let Some(path) = taken.into_iter().find(|path| path.exists()) {
            return Err(TreeError::Taken { path });
        }
        let issuer = request.issuer;
        let authority_file = self.path(format!("ca/{authority}.pem"));
        let authority = self.authority(authority)?;
        let issued = authority.issue(request.leaf())?;
        let ends = parsed(&authority_file, authority.certificate())?.not_after();
        if parsed(&self.path(&stem), issued.certificate())?.not_after() > ends {
            let ends = i64::try_from(ends.as_secs())
                .map_err(content(&authority_file))
                .and_then(|seconds| {
                    OffsetDateTime::from_unix_timestamp(seconds).map_err(content(&authority_file))
                })?;
            return Err(TreeError::Outlives {
                authority: authority_file,
                ends,
            });
        }
        let mut files = Vec::new();
        match issuer {
            Issuer::Clients => layout::client(name.as_str(), &issued, &mut files)?,
            Issuer::Internal => layout::pair(&stem, &issued, &mut files),
        }
        self.directory.place(&files)?;
        Ok((issued, files.into_iter().map(|file| file.path).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str, issuer: Issuer, role: Option<Role>) -> IssueRequest {
        IssueRequest {
            issuer,
            role,
            ..IssueRequest::new(name.parse().unwrap())
        }
    }

    #[test]
    fn files_and_names_follow_the_tree() {
        use {Issuer::*, Role::*};
        for (name, issuer, role, stem, common_name, email, dns) in [
            (
                "carol",
                Clients,
                None,
                "clients/carol",
                "carol",
                &["carol@example.com"][..],
                &[][..],
            ),
            (
                "c@x.org",
                Clients,
                Some(Client),
                "clients/c@x.org",
                "c@x.org",
                &["c@x.org"],
                &[],
            ),
            (
                "edge2",
                Internal,
                Some(Client),
                "edge2/client",
                "edge2.internal",
                &[],
                &["edge2.internal"],
            ),
            (
                "pay",
                Internal,
                None,
                "pay/server",
                "pay.internal",
                &[],
                &["pay.internal", "pay.test", "localhost"],
            ),
        ] {
            let request = request(name, issuer, role);
            assert_eq!(request.stem(), stem);
            let named = request.with_names();
            assert_eq!(named.common_names, [common_name], "{name}");
            assert_eq!(
                (named.emails.as_slice(), named.dns.as_slice()),
                (
                    email
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .as_slice(),
                    dns.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice()
                )
            );
        }
    }

    #[test]
    fn one_name_given_is_all_there_is() {
        let mut given = request("carol", Issuer::Clients, None);
        given.uris = vec!["spiffe://example.com/carol".to_owned()];
        let named = given.with_names();
        assert!(named.emails.is_empty() && named.dns.is_empty() && named.ips.is_empty());
        assert_eq!(named.common_names, ["carol"]);
    }
}
