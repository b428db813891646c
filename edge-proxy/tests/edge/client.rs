//! A client that says exactly what a test wants, byte for byte, over TLS or without.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate and the key that the client signs with; they need not belong together.
#[derive(Clone)]
pub(crate) struct Identity(
    pub(crate) Vec<CertificateDer<'static>>,
    pub(crate) Arc<PrivateKeyDer<'static>>,
);

impl Identity {
    pub(crate) fn of(issued: &certs::Issued) -> Self {
        Self(issued.chain(), Arc::new(issued.key()))
    }
}

pub(crate) fn tls_config(
    identity: Option<&Identity>,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity(chain, key)) => {
            let key = aws_lc_rs::sign::any_supported_type(key).unwrap();
            // Unchecked on purpose: a thief has the certificate and another key.
            let key = CertifiedKey::new(chain.clone(), key);
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
    };
    config.resumption = Resumption::disabled();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

pub(crate) const BOTH_VERSIONS: &[&SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];

pub(crate) async fn tls(
    address: SocketAddr,
    identity: Option<&Identity>,
) -> io::Result<Connection<TlsStream<TcpStream>>> {
    tls_with(address, tls_config(identity, BOTH_VERSIONS, &["http/1.1"])).await
}

pub(crate) async fn tls_with(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> io::Result<Connection<TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("edge.test").unwrap();
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    Ok(Connection {
        stream,
        left: Vec::new(),
    })
}

pub(crate) async fn plain(address: SocketAddr) -> Connection<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    Connection {
        stream,
        left: Vec::new(),
    }
}

/// A kept HTTP/1.1 connection.
pub(crate) struct Connection<S> {
    pub(crate) stream: S,
    left: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// What the echoing target says that it got.
    pub(crate) fn seen(&self) -> Seen {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        Seen(serde_json::from_slice(&self.body).unwrap())
    }
}

/// A request as it arrived at the target.
pub(crate) struct Seen(pub(crate) Value);

impl Seen {
    /// Every value of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.lines()
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| value)
            .collect()
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.0["headers"].as_array().unwrap();
        lines
            .iter()
            .map(|line| (line[0].as_str().unwrap(), line[1].as_str().unwrap()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// GET with these further header lines, as they are.
    pub(crate) async fn get(&mut self, path: &str, lines: &[&str]) -> io::Result<Answer> {
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: edge.test\r\n");
        for line in lines {
            request.push_str(line);
            request.push_str("\r\n");
        }
        self.send(&format!("{request}\r\n")).await
    }

    /// Any bytes, then an answer.
    pub(crate) async fn send(&mut self, request: &str) -> io::Result<Answer> {
        self.stream.write_all(request.as_bytes()).await?;
        self.answer(request.starts_with("HEAD ")).await
    }

    /// Reads an answer.
    pub(crate) async fn answer(&mut self, to_head: bool) -> io::Result<Answer> {
        let head = self.until(b"\r\n\r\n").await?;
        let head = String::from_utf8(head).unwrap();
        let (first, lines) = head.split_once("\r\n").unwrap();
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        let headers = header_lines(lines);
        let of = |name: &str| {
            let line = headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
            line.map(|(_, value)| value.to_ascii_lowercase())
        };
        let (mut body, mut trailers) = (Vec::new(), Vec::new());
        if to_head || status == 101 || status == 204 || status == 304 {
        } else if of("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            (body, trailers) = self.chunks().await?;
        } else if let Some(length) = of("content-length") {
            body = self.exactly(length.parse().unwrap()).await?;
        } else {
            body = std::mem::take(&mut self.left);
            self.stream.read_to_end(&mut body).await?;
        }
        Ok(Answer {
            status,
            headers,
            body,
            trailers,
        })
    }

    async fn chunks(&mut self) -> io::Result<(Vec<u8>, Vec<(String, String)>)> {
        let mut body = Vec::new();
        loop {
            let size = self.until(b"\r\n").await?;
            let size = usize::from_str_radix(str::from_utf8(&size).unwrap().trim(), 16).unwrap();
            if size == 0 {
                break;
            }
            body.extend(self.exactly(size).await?);
            self.exactly(2).await?;
        }
        let mut trailers = String::new();
        loop {
            let line = self.until(b"\r\n").await?;
            if line == b"\r\n" {
                return Ok((body, header_lines(&trailers)));
            }
            trailers.push_str(str::from_utf8(&line).unwrap());
        }
    }

    /// The rest of the stream; empty if it was closed without another byte.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.left);
        // A reset ends a stream as well.
        let _ = self.stream.read_to_end(&mut rest).await;
        rest
    }

    async fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.left.windows(end.len()).position(|window| window == end) {
                let rest = self.left.split_off(at + end.len());
                return Ok(std::mem::replace(&mut self.left, rest));
            }
            self.more().await?;
        }
    }

    pub(crate) async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.left.len() < length {
            self.more().await?;
        }
        let rest = self.left.split_off(length);
        Ok(std::mem::replace(&mut self.left, rest))
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.left).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn header_lines(text: &str) -> Vec<(String, String)> {
    text.split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

/// Tests look at what the edge does to clients, not the other way round.
#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
