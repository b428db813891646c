//! The libraries that speak to tokens: found, loaded and initialised once per process.
//!
//! That they are kept for the life of the process is PKCS#11's own rule: `C_Initialize` may be called once, and ending it
//! with `C_Finalize` would end every session of everybody, those of the configuration that is in force included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as ModuleError, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

use super::error::{TokenError, words};
use crate::private_key::token_uri::Library;

/// Where distributions put modules for programs to find; `{}` is the machine's triplet.
const DIRECTORIES: [&str; 6] = [
    "/usr/lib/{}/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib/{}/softhsm",
    "/usr/lib/softhsm",
    "/usr/local/lib/softhsm",
];

/// For how long a PIN that a token has refused is not offered to it again. A load opens every key of a configuration: with
/// one wrong PIN for all of them, a token that locks at the third would be locked by one `check`.
const REFUSED_FOR: Duration = Duration::from_secs(10);

static LOADED: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

/// A module in this process.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) functions: Pkcs11,
    refused: Mutex<Vec<Refused>>,
}

/// A PIN that a token has refused.
#[derive(Debug)]
struct Refused {
    token: String,
    digest: Box<[u8]>,
    at: Instant,
}

/// The module, loaded now if this is the first key that wants it.
pub(super) fn load(library: &Library) -> Result<Arc<Module>, TokenError> {
    let path = match library {
        Library::Path(path) => path.clone(),
        Library::Name(name) => found(name)?,
    };
    let unusable = |problem: String| TokenError::Module {
        path: path.clone(),
        problem,
    };
    // Two names of one file are one module.
    let file = path.canonicalize().map_err(|error| unusable(error.to_string()))?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = loaded.get(&file) {
        return Ok(Arc::clone(module));
    }
    let functions = Pkcs11::new(&file).map_err(|error| unusable(first_line(&words(&error))))?;
    initialise(&functions).map_err(|error| unusable(words(&error)))?;
    let module = Arc::new(Module {
        functions,
        refused: Mutex::default(),
    });
    loaded.insert(file, Arc::clone(&module));
    Ok(module)
}

/// Tells the module that several threads will call it. Somebody else in this process may have done so.
fn initialise(functions: &Pkcs11) -> Result<(), ModuleError> {
    match functions.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(ModuleError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The file of a module that is known by its name.
fn found(name: &str) -> Result<PathBuf, TokenError> {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let directories = DIRECTORIES.map(|directory| directory.replace("{}", &triplet));
    let candidates = directories.iter().flat_map(|directory| {
        [format!("lib{name}.so"), format!("{name}.so")].map(|file| Path::new(directory).join(file))
    });
    let mut there = candidates.filter(|file| file.is_file());
    there.next().ok_or_else(|| TokenError::NoModule {
        name: name.to_owned(),
        searched: directories.join(", "),
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

impl Module {
    /// Logs in. All sessions with a token share one login, so that most find it done.
    pub(super) fn log_in(
        &self,
        session: &Session,
        (token, serial): (&str, &str),
        pin: &AuthPin,
        pin_digest: &[u8],
    ) -> Result<(), TokenError> {
        let named = format!("{token}\0{serial}");
        if self.has_refused(&named, pin_digest) {
            return Err(TokenError::PinKnownWrong {
                token: token.to_owned(),
            });
        }
        match session.login(UserType::User, Some(pin)) {
            Ok(()) | Err(ModuleError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(ModuleError::Pkcs11(
                answer @ (RvError::PinIncorrect
                | RvError::PinInvalid
                | RvError::PinLenRange
                | RvError::PinExpired
                | RvError::PinLocked
                | RvError::UserPinNotInitialized),
                _,
            )) => {
                let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                refused.push(Refused {
                    token: named,
                    digest: pin_digest.into(),
                    at: Instant::now(),
                });
                Err(TokenError::PinRefused {
                    token: token.to_owned(),
                    answer,
                })
            }
            Err(answer) => Err(TokenError::Call {
                doing: "log in",
                answer,
            }),
        }
    }

    fn has_refused(&self, token: &str, pin_digest: &[u8]) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|refused| refused.at.elapsed() < REFUSED_FOR);
        refused
            .iter()
            .any(|refused| refused.token == token && *refused.digest == *pin_digest)
    }
}

/// What a PIN is remembered by.
pub(super) fn digest_of(pin: &[u8]) -> Box<[u8]> {
    digest::digest(&digest::SHA256, pin).as_ref().into()
}
