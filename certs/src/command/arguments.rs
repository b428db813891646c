//! What can be typed. The help is the manual.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use transport::telemetry::LogFormat;

use crate::Validity;
use crate::tree::{IssueRequest, Issuer, Name, NameError, Role};

const EXAMPLES: &str = "\
Examples:
  certs init pki                                        make a PKI in ./pki
  certs issue pki --name carol                          a client: pki/clients/carol.pem .key .p12
  certs issue pki --name shop --ca internal             a server: pki/shop/server.pem .key
  certs revoke pki carol                                put it on pki/crl/clients-intermediate.crl
  certs inspect pki/clients/carol.pem                   who, by whom, until when, for what
  curl -H \"X-Amzn-Mtls-Clientcert: $(certs header encode --format alb pki/clients/alice.pem)\" …

Exit codes: 0 ok, 1 failed, 2 not understood. Logs go to stderr; RUST_LOG=debug names every file written.";

/// Makes a test PKI, and reads what is in a certificate.
///
/// `init` writes two separate roots: one for clients, with an intermediate that issues alice, bob and the like, and one
/// for our own tiers, because clients and tiers must not vouch for each other. Everything is PEM, P-256, valid for two
/// years, the authorities for ten. It is for tests, demonstrations and development: the keys are not encrypted.
#[derive(Debug, Parser)]
#[command(name = "certs", version, after_long_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Arguments {
    /// How log lines look on stderr; RUST_LOG says how many there are
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", value_parser = log_format())]
    pub(super) log_format: LogFormat,
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Write a new PKI into a directory
    ///
    /// Authorities in ca/ (ca/clients.pem holds both of the clients'), their revocation lists in crl/, server and client
    /// certificates of the tiers in edge/, gateway/ and upstream/, and in clients/ alice, bob, expired, revoked, and
    /// mallory, who has alice's names from an authority that nobody trusts. Chains are leaf first, keys are readable by
    /// their owner only, and every client has a .p12 for browsers with the password `changeit`.
    ///
    /// All files are written or none. A directory that holds a PKI, whole or in part, is left alone without --force.
    #[command(
        after_long_help = "Examples:\n  certs init pki\n  certs init --force pki     replace what is there"
    )]
    Init {
        /// The directory; it is made if need be
        dir: PathBuf,
        /// Replace the PKI that is there: nothing that it issued will verify any more
        #[arg(long)]
        force: bool,
    },
    /// Issue one more certificate
    Issue(IssueArguments),
    /// Put a certificate on its authority's revocation list
    ///
    /// The list is rewritten with the next number and a new term; what was on it stays on it. Doing it twice changes
    /// nothing. Servers see it when they reload their lists.
    #[command(after_long_help = "Examples:\n  certs revoke pki alice\n  certs revoke pki edge/client")]
    Revoke {
        /// The directory of the PKI
        dir: PathBuf,
        /// One of clients/ such as alice, or a path without suffix such as edge/client
        #[arg(value_parser = certificate_name)]
        name: String,
    },
    /// Show the certificates and revocation lists of a file
    ///
    /// PEM or DER. Private keys in the file are passed over. Names are printed as an Application Load Balancer prints
    /// them, which is also what the gateway's X-Client-Cert-Dn holds.
    #[command(
        after_long_help = "Examples:\n  certs inspect pki/ca/clients.pem\n  certs inspect --json pki/clients/alice.pem | jq '.[0].sha256'"
    )]
    Inspect {
        /// The file
        file: PathBuf,
        /// An array of objects instead of text
        #[arg(long)]
        json: bool,
    },
    /// Write certificates as a header value, or read one
    Header {
        #[command(subcommand)]
        action: HeaderAction,
    },
    /// Print a completion script
    ///
    /// For bash: certs completions bash > /etc/bash_completion.d/certs
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum HeaderAction {
    /// PEM in, header value out
    ///
    /// `alb` is X-Amzn-Mtls-Clientcert of passthrough mode (url_encoded at the gateway): the whole file, leaf first.
    /// `base64` is the DER of the first certificate (base64_encoded at the gateway). `rfc9440` prints Client-Cert on
    /// the first line and, if the file holds more than the leaf, Client-Cert-Chain on the second.
    #[command(after_long_help = "Example:\n  certs header encode --format alb pki/clients/alice.pem")]
    Encode {
        /// The encoding
        #[arg(long)]
        format: Format,
        /// PEM certificates, leaf first; standard input if left out
        file: Option<PathBuf>,
    },
    /// Header value in, PEM out
    ///
    /// Exactly what the gateway accepts: one line end after the value is ignored, everything else counts. For `rfc9440`
    /// a second line is Client-Cert-Chain.
    #[command(
        after_long_help = "Example:\n  certs header encode --format alb pki/clients/alice.pem | certs header decode --format alb"
    )]
    Decode {
        /// The encoding
        #[arg(long)]
        format: Format,
        /// The value; standard input if left out
        file: Option<PathBuf>,
    },
}

/// How certificates travel in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// URL-encoded PEM, as an Application Load Balancer sends it
    Alb,
    /// Base64 of the leaf's DER
    Base64,
    /// Client-Cert and Client-Cert-Chain of RFC 9440
    Rfc9440,
}

/// Issue one more certificate
///
/// Clients hang under ca/clients-intermediate and are written to clients/NAME.pem .key .p12; with `--ca internal` they are
/// NAME/server.pem or NAME/client.pem and its .key, as the tree does it for the tiers. Names may be repeated. If none is
/// given, a client gets NAME@example.com, a tier's client NAME.internal, and a server NAME.internal, NAME.test, localhost
/// and 127.0.0.1.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  certs issue pki --name carol
  certs issue pki --name robot --uri spiffe://example.com/robot --days 30
  certs issue pki --name shop --ca internal --dns shop.test --ip 127.0.0.1
  certs issue pki --name edge-2 --ca internal --usage client")]
pub(super) struct IssueArguments {
    /// The directory of the PKI
    dir: PathBuf,
    /// The name of the files
    #[arg(long)]
    name: Name,
    /// The authority
    #[arg(long, value_enum, default_value = "clients")]
    ca: Authority,
    /// What the holder does; by default client under `clients`, server under `internal`
    #[arg(long, value_enum)]
    usage: Option<Usage>,
    /// A common name, instead of NAME or a tier's DNS name; two make an ambiguous certificate, which is refused
    #[arg(long, value_name = "NAME")]
    cn: Vec<String>,
    /// An e-mail address
    #[arg(long, value_name = "ADDRESS")]
    email: Vec<String>,
    /// A DNS name
    #[arg(long, value_name = "NAME")]
    dns: Vec<String>,
    /// A URI
    #[arg(long, value_name = "URI")]
    uri: Vec<String>,
    /// An IP address
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<IpAddr>,
    /// For how many days
    #[arg(long, value_name = "N", default_value_t = Validity::LEAF_DAYS, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Authority {
    /// ca/clients-intermediate
    Clients,
    /// ca/internal
    Internal,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Usage {
    /// clientAuth
    Client,
    /// serverAuth
    Server,
}

impl IssueArguments {
    pub(super) fn into_request(self) -> (PathBuf, IssueRequest) {
        let Self {
            dir,
            name,
            ca,
            usage,
            cn,
            email,
            dns,
            uri,
            ip,
            days,
        } = self;
        let request = IssueRequest {
            name,
            issuer: match ca {
                Authority::Clients => Issuer::Clients,
                Authority::Internal => Issuer::Internal,
            },
            role: usage.map(|usage| match usage {
                Usage::Client => Role::Client,
                Usage::Server => Role::Server,
            }),
            common_names: cn,
            emails: email,
            dns,
            uris: uri,
            ips: ip,
            days,
        };
        (dir, request)
    }
}

fn log_format() -> impl clap::builder::TypedValueParser<Value = LogFormat> {
    PossibleValuesParser::new(LogFormat::NAMES).try_map(|word| word.parse::<LogFormat>())
}

/// `alice`, or `edge/client`.
fn certificate_name(text: &str) -> Result<String, NameError> {
    match text.split_once('/') {
        Some((directory, file)) => {
            directory.parse::<Name>()?;
            file.parse::<Name>()?;
        }
        None => {
            text.parse::<Name>()?;
        }
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_declaration_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_log_format_stands_before_or_after_the_subcommand() {
        for line in [
            ["certs", "--log-format", "json", "init", "x"],
            ["certs", "init", "x", "--log-format", "json"],
        ] {
            assert_eq!(
                Arguments::try_parse_from(line).unwrap().log_format,
                LogFormat::Json
            );
        }
        assert!(Arguments::try_parse_from(["certs", "init", "x", "--log-format", "xml"]).is_err());
    }

    #[test]
    fn names_that_lead_elsewhere_are_not_understood() {
        for name in ["../x", "a/../b", "a/b/c", "/a", "a/", ""] {
            assert!(
                Arguments::try_parse_from(["certs", "revoke", "pki", name]).is_err(),
                "{name}"
            );
            let issue = ["certs", "issue", "pki", "--name", name];
            assert!(Arguments::try_parse_from(issue).is_err(), "{name}");
        }
        assert!(Arguments::try_parse_from(["certs", "revoke", "pki", "edge/client"]).is_ok());
    }
}
