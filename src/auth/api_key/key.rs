//! The format of API keys.
//!
//! A key is a prefix that people and secret scanners recognise, 256 random bits, and a checksum that
//! distinguishes a mistyped key from an unknown one. Only its hash is stored.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use sha2::{Digest, Sha256};

const PREFIX: &str = "synchistory_";
/// Characters of the random part: 32 bytes in base64.
const RANDOM_LENGTH: usize = 43;

/// SHA-256 of a key. 256 random bits need neither a salt nor key stretching.
pub(super) type KeyHash = [u8; 32];

/// Returns whether `text` has the prefix of API keys.
pub(in crate::auth) fn has_prefix(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Generates a key.
pub(super) fn generate() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    let random = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let checksum = checksum(&random);
    Ok(format!("{PREFIX}{random}{checksum}"))
}

/// Returns the hash of a key, or `None` if the key is malformed.
pub(super) fn hash(key: &str) -> Option<KeyHash> {
    let (random, check) = key.strip_prefix(PREFIX)?.split_at_checked(RANDOM_LENGTH)?;
    (check == checksum(random)).then(|| Sha256::digest(key).into())
}

fn checksum(random: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(crc32fast::hash(random.as_bytes()).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_keys_are_well_formed_and_unique() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert!(has_prefix(&one));
        assert_eq!(one.len(), PREFIX.len() + RANDOM_LENGTH + 6);
        assert_ne!(hash(&one).unwrap(), hash(&other).unwrap());
    }

    #[test]
    fn the_checksum_detects_mistyped_keys() {
        let key = generate().unwrap();
        for at in PREFIX.len()..key.len() {
            let mut mistyped = key.clone().into_bytes();
            mistyped[at] = if mistyped[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(hash(&String::from_utf8(mistyped).unwrap()), None);
        }
        assert_eq!(hash(&key[..key.len() - 1]), None);
        assert_eq!(hash(PREFIX), None);
    }
}
