//! A signed token and a key set: what is read of either is bounded by it, means the same when it is read again, and no
//! token passes that the key did not sign.

use std::sync::LazyLock;

use api_gateway::token::{
    Algorithm, ClaimPath, KeySet, LONGEST_TOKEN, TypeRule, UnverifiedToken, Validity, VerificationKey,
    looks_like_jws, words,
};

/// A secret that no seed is signed with, and that no fuzzer finds.
static KEY: LazyLock<VerificationKey> = LazyLock::new(|| {
    VerificationKey::secret(b"8f4c5a1e0d7b29636a5c", &Algorithm::OF_SECRETS)
        .unwrap_or_else(|error| panic!("{error}"))
});

/// The octets are a token, and a key set.
pub(crate) fn check(octets: &[u8]) {
    token(octets);
    if let Ok(set) = KeySet::parse(octets) {
        assert!(set.len() * 40 <= octets.len(), "more keys than fit into it");
        for algorithm in Algorithm::ALL {
            assert!(set.candidates(None, algorithm).count() <= 4);
            assert!(!algorithm.is_symmetric() || set.candidates(None, algorithm).count() == 0);
        }
        // The same set again takes nothing back; none takes back everything.
        let again = KeySet::parse(octets).unwrap_or_default().succeeding(&set);
        assert_eq!(again.len(), set.len());
        let _ = KeySet::default().succeeding(&again);
        for algorithm in Algorithm::ALL {
            assert!(again.candidates(None, algorithm).all(|key| key.is_withdrawn()));
        }
    }
}

fn token(octets: &[u8]) {
    let strict = UnverifiedToken::parse(octets, TypeRule::AccessToken);
    let lax = UnverifiedToken::parse(octets, TypeRule::Any);
    assert!(lax.is_ok() || strict.is_err(), "the stricter rule takes more");
    let kongs = UnverifiedToken::parse(octets, TypeRule::Jwt);
    assert!(strict.is_ok() || kongs.is_err(), "the strictest rule takes more");
    if let Err(error) = &lax {
        assert!(
            error.to_string().len() < 300,
            "a cause that quotes its token: {error}"
        );
    }
    let Ok(token) = lax else { return };
    assert!(octets.len() <= LONGEST_TOKEN);
    assert!(looks_like_jws(octets), "it would be taken for an opaque token");
    let claims = token.unverified_claims().clone();
    let header = token.unverified_header();
    assert!(header.get("alg").is_some_and(|name| name != "none"));
    for name in ["crit", "b64", "enc", "zip", "cty"] {
        assert!(!header.contains_key(name), "{name}");
    }
    // serde keeps the last of two members with one name; here there are no two.
    let written = serde_json::to_vec(&claims).unwrap_or_default();
    assert!(
        written.len() <= 6 * octets.len() + 2,
        "{} octets became {}",
        octets.len(),
        written.len()
    );
    if let Ok(validity) = Validity::of(&claims)
        && let Some(until) = validity.until(std::time::Duration::ZERO)
    {
        assert!(until.as_secs() < 253_402_300_800);
    }
    for (name, value) in &claims {
        let path = ClaimPath::new([name.as_str()]);
        let found = path.as_ref().and_then(|path| path.find(&claims));
        assert_eq!(found, Some(value).filter(|value| !value.is_null()));
        assert!(words(value).len() <= octets.len());
    }
    assert!(token.verify(&KEY).is_err(), "nobody signed it");
}
