//! Let's Encrypt's small ACME server, `pebble`, and a name server that says of every name that it is where the doors of
//! the test are.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use certs::{Authority, Leaf};
use rustix::process::Signal;

use crate::outside::curl;
use crate::servers::{Files, Server, own_address};

/// Where `http-01` is looked for, at the address that every name has.
const HTTP: u16 = 8080;
/// Where `tls-alpn-01` is.
const HTTPS: u16 = 8443;

/// What an ACME server is to be.
#[derive(Debug)]
pub struct AcmePlan {
    /// How long its certificates are valid, in seconds.
    validity: u32,
    /// Names that it refuses.
    refused: Vec<String>,
    /// Whether an account has to be bound to one elsewhere: the key's id, and the key in base64url.
    external: Option<(String, String)>,
    /// How many nonces in a hundred it refuses although they are good.
    bad_nonces: u8,
    /// How many seconds it lets pass, at most, before it looks for a challenge.
    looks_after: Option<u8>,
}

/// An ACME server that runs until dropped.
#[derive(Debug)]
pub struct AcmeServer {
    pebble: Server,
    name_server: Server,
    /// Where the name server is told what to say.
    names: SocketAddr,
    ca: PathBuf,
    api: SocketAddr,
    management: SocketAddr,
    doors: IpAddr,
}

impl AcmePlan {
    /// A server that issues for every name, for an hour.
    #[allow(clippy::new_without_default)] // it is not what it is by default
    pub fn new() -> Self {
        Self {
            validity: 3600,
            refused: Vec::new(),
            external: None,
            bad_nonces: 5,
            looks_after: None,
        }
    }

    /// Issues for so many seconds.
    pub fn valid_for(mut self, seconds: u32) -> Self {
        self.validity = seconds;
        self
    }

    /// Refuses a name, and those below it.
    pub fn refusing(mut self, name: &str) -> Self {
        self.refused.push(name.to_owned());
        self
    }

    /// Opens accounts only for who has this key.
    pub fn bound_to(mut self, key_id: &str, hmac_key: &str) -> Self {
        self.external = Some((key_id.to_owned(), hmac_key.to_owned()));
        self
    }

    /// Refuses so many nonces in a hundred.
    pub fn refusing_nonces(mut self, percent: u8) -> Self {
        self.bad_nonces = percent;
        self
    }

    /// Lets up to so many seconds pass before it looks for a challenge.
    pub fn looking_after(mut self, seconds: u8) -> Self {
        self.looks_after = Some(seconds);
        self
    }

    /// Starts it. To be called by the body of the test.
    pub fn start(self) -> AcmeServer {
        let [doors, api, management, names] = [1, 2, 3, 4].map(own_address);
        let name_server = {
            let mut command = Command::new("pebble-challtestsrv");
            command.args([
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
                "-defaultIPv6",
                "",
            ]);
            command.args([
                "-dns01",
                &names.to_string(),
                "-defaultIPv4",
                &doors.ip().to_string(),
            ]);
            let told = SocketAddr::new(names.ip(), 8055);
            command.args(["-management", &told.to_string()]);
            Files::new().start(command, "pebble", &[told])
        };
        wait_for_answer(names);
        let files = Files::new();
        let authority = Authority::root("The Server's Own").unwrap();
        let ca = files.write("ca.pem", &authority.pem()).into();
        let own = authority
            .issue(Leaf::server("pebble").ip(api.ip()).ip(management.ip()))
            .unwrap();
        let (certificate, key) = files.pair("pebble", &own);
        let external = match &self.external {
            Some((id, key)) => format!("{{\"{id}\": \"{key}\"}}"),
            None => "{}".to_owned(),
        };
        let mut refused = String::new();
        for (index, name) in self.refused.iter().enumerate() {
            let _ = write!(refused, "{}\"{name}\"", if index == 0 { "" } else { ", " });
        }
        let config = format!(
            "{{\"pebble\": {{\"listenAddress\": \"{api}\", \"managementListenAddress\": \"{management}\", \
             \"certificate\": \"{certificate}\", \"privateKey\": \"{key}\", \"httpPort\": {HTTP}, \
             \"tlsPort\": {HTTPS}, \"ocspResponderURL\": \"\", \"certificateValidityPeriod\": {}, \
             \"domainBlocklist\": [{refused}], \"externalAccountBindingRequired\": {}, \
             \"externalAccountMACKeys\": {external}}}}}",
            self.validity,
            self.external.is_some(),
        );
        let config = files.write("pebble.json", &config);
        let mut command = Command::new("pebble");
        command.args(["-strict", "-config", &config, "-dnsserver", &names.to_string()]);
        command.env("PEBBLE_WFE_NONCEREJECT", self.bad_nonces.to_string());
        // Every order is proved anew: what was proved before says nothing about this one.
        command.env("PEBBLE_AUTHZREUSE", "0");
        match self.looks_after {
            Some(seconds) => command.env("PEBBLE_VA_SLEEPTIME", seconds.to_string()),
            None => command.env("PEBBLE_VA_NOSLEEP", "1"),
        };
        let pebble = files.start(command, "pebble", &[api, management]);
        AcmeServer {
            pebble,
            name_server,
            names: SocketAddr::new(names.ip(), 8055),
            ca,
            api,
            management,
            doors: doors.ip(),
        }
    }
}

/// Asks a name server until it says something: its other port is open before this one.
fn wait_for_answer(names: SocketAddr) {
    // The address of `a.test` (RFC 1035 §4.1), recursion desired.
    const QUESTION: &[u8] = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01a\x04test\0\0\x01\0\x01";
    let socket = UdpSocket::bind((IpAddr::from([127, 0, 0, 1]), 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let asked = (0..300).find(|_| {
        let sent = socket.send_to(QUESTION, names);
        sent.is_ok()
            && socket
                .recv(&mut [0; 512])
                .is_ok_and(|length| length > QUESTION.len())
    });
    assert!(asked.is_some(), "nobody answers at {names}");
}

impl AcmeServer {
    /// Ends it; whoever asks it finds nobody.
    pub fn stop(&mut self) {
        self.pebble.end();
    }

    /// The URL of its directory.
    pub fn directory(&self) -> String {
        format!("https://{}/dir", self.api)
    }

    /// Who vouches for the server itself, a file.
    pub fn ca(&self) -> String {
        self.ca.display().to_string()
    }

    /// Where it looks for `http-01`.
    pub fn http(&self) -> SocketAddr {
        SocketAddr::new(self.doors, HTTP)
    }

    /// Where it looks for `tls-alpn-01`, and where clients of the test go.
    pub fn https(&self) -> SocketAddr {
        SocketAddr::new(self.doors, HTTPS)
    }

    /// The root of what it issues, PEM. It makes one anew whenever it is started.
    pub fn root(&self) -> String {
        let url = format!("https://{}/roots/0", self.management);
        let said = curl(&["--silent", "--show-error", "--fail", "--cacert", &self.ca(), &url]);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.stdout
    }

    /// The name server answers nobody: the server waits, for some seconds, before it looks for a challenge.
    pub fn hold_names(&self) {
        self.name_server.signal(Signal::STOP);
    }

    /// It answers again, those who wait first.
    pub fn release_names(&self) {
        self.name_server.signal(Signal::CONT);
    }

    /// Every name leads to an address where nobody is.
    pub fn names_lead_nowhere(&self) {
        self.lead_names_to(own_address(9).ip());
    }

    /// Every name leads to the doors, as in the beginning.
    pub fn names_lead_to_the_doors(&self) {
        self.lead_names_to(self.doors);
    }

    fn lead_names_to(&self, address: IpAddr) {
        let url = format!("http://{}/set-default-ipv4", self.names);
        let body = format!("{{\"ip\": \"{address}\"}}");
        let said = curl(&["--silent", "--show-error", "--fail", "--data", &body, &url]);
        assert_eq!(said.code, Some(0), "{said:?}");
    }

    /// How many orders it was asked for.
    pub fn orders(&self) -> usize {
        self.count("Added order")
    }

    /// How often it was asked what has to be proved.
    pub fn asked_what_to_prove(&self) -> usize {
        self.count("POST /authZ/")
    }

    /// How many accounts were opened.
    pub fn accounts(&self) -> usize {
        self.count("accounts in memory")
    }

    fn count(&self, what: &str) -> usize {
        self.log().matches(what).count()
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        self.pebble.read("output")
    }
}
