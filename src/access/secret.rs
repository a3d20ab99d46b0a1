//! What an API key looks like: a prefix by which people and scanners know it, 256 random bits, and a
//! checksum, so that one that was mistyped is told from one that is not known.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use sha2::{Digest, Sha256};

const PREFIX: &str = "synchistory_";

/// SHA-256 of a key. That needs neither salt nor stretching: nobody guesses 256 random bits.
pub(super) type Hash = [u8; 32];

/// Makes a key.
///
/// # Errors
/// The system gives no random bits.
pub(super) fn mint() -> Result<String, getrandom::Error> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)?;
    let random = BASE64_URL_SAFE_NO_PAD.encode(bits);
    let checksum = checksum(&random);
    Ok(format!("{PREFIX}{random}{checksum}"))
}

/// Whether it may be a key at all.
pub(super) fn looks_like_one(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// The hash of a key; none if it is not written as one.
pub(super) fn hash(text: &str) -> Option<Hash> {
    let (random, check) = text.strip_prefix(PREFIX)?.split_at_checked(43)?;
    (check == checksum(random)).then(|| Sha256::digest(text).into())
}

fn checksum(random: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(crc32fast::hash(random.as_bytes()).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_form_and_no_two_are_alike() {
        let (one, other) = (mint().unwrap(), mint().unwrap());
        assert!(looks_like_one(&one));
        assert_eq!(one.len(), PREFIX.len() + 43 + 6);
        assert_ne!(hash(&one).unwrap(), hash(&other).unwrap());
    }

    #[test]
    fn a_mistyped_key_is_told() {
        let key = mint().unwrap();
        for at in PREFIX.len()..key.len() {
            let mut mistyped = key.clone().into_bytes();
            mistyped[at] = if mistyped[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(hash(&String::from_utf8(mistyped).unwrap()), None);
        }
        assert_eq!(hash(&key[..key.len() - 1]), None);
        assert_eq!(hash(PREFIX), None);
    }
}
