//! Signature verification with ring.
//!
//! jsonwebtoken delegates cryptography to a provider. Its own two are worse here. `aws_lc_rs` adds a second C
//! library beside ring, which TLS to PostgreSQL uses: 393 object files and 7 MB of archive to compile, against
//! 2 MB of ring. `rust_crypto` adds 33 crates, among them `rsa`, with an unpatched advisory
//! (RUSTSEC-2023-0071). This provider neither signs nor supports shared secrets, so that an `HS256` token
//! fails here even without the checks before.

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{self, ErrorKind, new_error},
    signature::{Error as SignatureError, Verifier},
};
use ring::{
    error::Unspecified,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
        RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
        UnparsedPublicKey, VerificationAlgorithm,
    },
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    verifier_factory: |algorithm, key| Ok(Box::new(RingVerifier::new(*algorithm, key)?)),
    // Only used to derive a key from another.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes jsonwebtoken use ring.
pub(super) fn install() {
    // Fails if a provider is installed, which is this one.
    PROVIDER.install_default().ok();
}

/// Returns whether the algorithm is supported: only asymmetric ones are.
pub(super) fn is_supported(algorithm: Algorithm) -> bool {
    Scheme::new(algorithm).is_some()
}

#[derive(Clone, Copy)]
enum Scheme {
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
}

impl Scheme {
    fn new(algorithm: Algorithm) -> Option<Self> {
        Some(match algorithm {
            Algorithm::RS256 => Self::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => Self::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => Self::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            Algorithm::PS256 => Self::Rsa(&RSA_PSS_2048_8192_SHA256),
            Algorithm::PS384 => Self::Rsa(&RSA_PSS_2048_8192_SHA384),
            Algorithm::PS512 => Self::Rsa(&RSA_PSS_2048_8192_SHA512),
            Algorithm::ES256 => Self::Curve(&ECDSA_P256_SHA256_FIXED),
            Algorithm::ES384 => Self::Curve(&ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDSA => Self::Curve(&ED25519),
            // Shared secrets, and algorithms that later versions of jsonwebtoken may add.
            _ => return None,
        })
    }
}

struct RingVerifier {
    algorithm: Algorithm,
    scheme: Scheme,
    key: DecodingKey,
}

impl RingVerifier {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> errors::Result<Self> {
        let scheme = Scheme::new(algorithm)
            .filter(|_| key.family() == algorithm.family())
            .ok_or_else(|| new_error(ErrorKind::InvalidAlgorithm))?;
        Ok(Self {
            algorithm,
            scheme,
            key: key.clone(),
        })
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        match (self.scheme, self.key.kind()) {
            (Scheme::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let key = RsaPublicKeyComponents {
                    n: without_leading_zeros(n),
                    e: without_leading_zeros(e),
                };
                key.verify(parameters, message, signature)
            }
            (Scheme::Curve(algorithm), DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(algorithm, point).verify(message, signature)
            }
            _ => Err(Unspecified),
        }
        .map_err(|_: Unspecified| SignatureError::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// Removes the sign byte that some issuers prepend to numbers, and that ring rejects.
fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    &number[zeros..]
}
