//! Bearer tokens of people: JSON Web Tokens that somebody else issues and this server checks.
//!
//! What a token must be is in [`Tokens::verify`], from the outside in: short enough, by an accepted
//! algorithm, signed by a key of the set ([`jwks`], read from its [`source`]), meant for this server
//! and valid now.
//!
//! Verified tokens are not remembered: checking one costs less than the least request, and what is
//! not remembered need not be forgotten when a key is taken back.

mod jwks;
mod signature;
mod source;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{
    Algorithm, Validation, decode, decode_header,
    errors::{Error, ErrorKind},
};
use serde_json::{Map, Number, Value};

use self::{jwks::Keys, source::Source};
use crate::clock::Clock;

/// Of a token, in bytes. Proxies cut headers off at 8 or 16 KiB.
const MAX_TOKEN: usize = 16 * 1024;
/// How far the issuer's clock may be off.
const LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// How people prove who they are.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// Who issues the tokens: their `iss` must be this text, to the letter. Where `jwks` is not
    /// given, the address below which the issuer's configuration names its keys.
    pub issuer: Option<String>,
    /// Whom tokens must be meant for: one of their `aud`. Always needed, else a token for any other
    /// service of the issuer would do.
    pub audience: Option<String>,
    /// The key set: the path of a file or an address with http:// or https://. Without `issuer`,
    /// tokens must still name one in `iss`, but any: what a key of this set signed is believed.
    pub jwks: Option<String>,
    /// The claim that says what is allowed: words separated by blanks, or a list of them.
    pub scope_claim: String,
}

/// Why tokens cannot be accepted at all.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// Nothing says by which keys tokens are signed.
    #[error("tokens need keys to be checked by: give --oidc-issuer, or --jwks, or both")]
    NoKeys,
    /// Nothing says whom tokens are for.
    #[error(
        "tokens for other services would be accepted: say with --oidc-audience what `aud` must hold"
    )]
    NoAudience,
    /// The name of the scope claim is empty.
    #[error("the claim that holds the scopes needs a name, such as `scope`")]
    NoScopeClaim,
    /// The key set cannot be where it is said to be, or its file cannot be read.
    #[error("cannot read the keys of tokens at {place}")]
    Keys {
        /// Where they were looked for.
        place: String,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not good. The reason may be told to whoever sent it.
    #[error("the token is not accepted: {0}")]
    Invalid(&'static str),
    /// No keys could be had so far; later this may be another answer.
    #[error("tokens cannot be checked at the moment")]
    Unavailable,
}

/// What a good token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who issued it: `iss`.
    pub issuer: String,
    /// Whom it is about, in the issuer's words: `sub`. Only together with `issuer` does it name
    /// one person for good.
    pub subject: String,
    /// `email`, if the issuer says that it has been verified.
    pub email: Option<String>,
    /// `name`.
    pub name: Option<String>,
    /// What it allows, in the issuer's order.
    pub scopes: Vec<String>,
    /// The end of its validity: `exp`. It is accepted five seconds longer.
    pub expires_at: DateTime<Utc>,
}

/// Checks tokens. Clones share their keys.
#[derive(Clone, Debug)]
pub struct Tokens {
    keys: Arc<Keys>,
    validation: Arc<Validation>,
    scope_claim: Arc<str>,
    clock: Arc<dyn Clock>,
}

impl Tokens {
    /// Reads the keys. An issuer who does not answer is asked again when a token comes; until then
    /// tokens are refused as [`Refused::Unavailable`].
    ///
    /// # Errors
    ///
    /// When the settings lack something, or a file of keys cannot be read.
    pub async fn open(settings: TokenSettings, clock: Arc<dyn Clock>) -> Result<Self, TokensError> {
        let TokenSettings {
            issuer,
            audience,
            jwks,
            scope_claim,
        } = settings;
        let audience = audience.filter(|audience| !audience.is_empty());
        let audience = audience.ok_or(TokensError::NoAudience)?;
        if scope_claim.is_empty() {
            return Err(TokensError::NoScopeClaim);
        }
        signature::install();
        let keys = Arc::new(Keys::new(
            source_of(issuer.as_deref(), jwks)?,
            clock.clone(),
        ));
        keys.read_first().await?;
        Ok(Self {
            keys,
            validation: Arc::new(validation(issuer, audience)),
            scope_claim: scope_claim.into(),
            clock,
        })
    }

    /// Checks a token.
    ///
    /// # Errors
    ///
    /// When it is not good, or nothing is there to check it by.
    pub async fn verify(&self, token: &str) -> Result<Claims, Refused> {
        if token.len() > MAX_TOKEN {
            return Err(Refused::Invalid("it is too long"));
        }
        let header = decode_header(token).map_err(|error| reason(&error))?;
        // What a token declares critical must be understood; no extension is.
        if header.crit.is_some() {
            return Err(Refused::Invalid("it needs an extension that is not known"));
        }
        if !signature::is_accepted(header.alg) {
            return Err(Refused::Invalid("its algorithm is not accepted"));
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await?;
        let validation = by(&self.validation, header.alg);
        let token = decode::<Map<String, Value>>(token, &key.decoding, &validation);
        self.accept(&token.map_err(|error| reason(&error))?.claims)
    }

    /// Checks what the library did not: the time, by the server's own clock, and that who is who
    /// is said plainly.
    fn accept(&self, claims: &Map<String, Value>) -> Result<Claims, Refused> {
        let now = self.clock.now();
        let expires_at = instant(claims, "exp")
            .flatten()
            .ok_or(Refused::Invalid("its `exp` is not a time"))?;
        if expires_at <= now - LEEWAY {
            return Err(Refused::Invalid("it has expired"));
        }
        if let Some(from) = instant(claims, "nbf") {
            let from = from.ok_or(Refused::Invalid("its `nbf` is not a time"))?;
            if now + LEEWAY < from {
                return Err(Refused::Invalid("it is not valid yet"));
            }
        }
        let text = |claim| claims.get(claim).and_then(Value::as_str);
        let named = |claim| text(claim).filter(|text| !text.is_empty());
        let verified = match claims.get("email_verified") {
            Some(Value::Bool(verified)) => *verified,
            // Some issuers write every claim as text.
            Some(Value::String(verified)) => verified.eq_ignore_ascii_case("true"),
            _ => false,
        };
        Ok(Claims {
            issuer: named("iss")
                .ok_or(Refused::Invalid("its `iss` is not a text"))?
                .to_owned(),
            subject: named("sub")
                .ok_or(Refused::Invalid("its `sub` is not a text"))?
                .to_owned(),
            email: named("email").filter(|_| verified).map(str::to_owned),
            name: named("name").map(str::to_owned),
            scopes: scopes(claims.get(&*self.scope_claim))
                .ok_or(Refused::Invalid("its scopes cannot be read"))?,
            expires_at,
        })
    }
}

fn source_of(issuer: Option<&str>, jwks: Option<String>) -> Result<Source, TokensError> {
    let (place, source) = match (issuer, jwks) {
        (_, Some(place)) => (place.clone(), Source::of_set(&place)),
        (Some(issuer), None) => (issuer.to_owned(), Source::of_issuer(issuer)),
        (None, None) => return Err(TokensError::NoKeys),
    };
    let source = source.map_err(|error| unreadable(place, error))?;
    if source.is_open_to_others() {
        tracing::warn!(%source, "the keys of tokens come by http://, where anybody on the way can replace them");
    }
    Ok(source)
}

/// What the library checks of the claims: all but the time, for which it would ask its own clock.
fn validation(issuer: Option<String>, audience: String) -> Validation {
    let mut validation = Validation {
        validate_exp: false,
        validate_nbf: false,
        ..Validation::default()
    };
    validation.set_required_spec_claims(&["aud", "exp", "iss", "sub"]);
    validation.set_audience(&[audience]);
    if let Some(issuer) = issuer {
        validation.set_issuer(&[issuer]);
    }
    validation
}

fn by(validation: &Validation, algorithm: Algorithm) -> Validation {
    Validation {
        algorithms: vec![algorithm],
        ..validation.clone()
    }
}

/// Why the library refused, without its words, which may repeat what is in the token.
fn reason(error: &Error) -> Refused {
    Refused::Invalid(match error.kind() {
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::InvalidIssuer => "it is by another issuer",
        ErrorKind::InvalidAudience => "it is meant for somebody else",
        ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
            "aud" => "it has no `aud`",
            "exp" => "it has no `exp`",
            "iss" => "it has no `iss`",
            _ => "it has no `sub`",
        },
        ErrorKind::InvalidAlgorithm => "its algorithm does not fit its key",
        _ => "it is not a token",
    })
}

/// A claim that is a time in seconds, whole or not: `Some(None)` if it is anything else.
#[expect(clippy::option_option, reason = "absent and unreadable differ")]
fn instant(claims: &Map<String, Value>, claim: &str) -> Option<Option<DateTime<Utc>>> {
    let seconds = claims.get(claim)?.as_number().and_then(Number::as_f64);
    let since = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Some(since.and_then(|since| {
        let since = TimeDelta::from_std(since).ok()?;
        DateTime::UNIX_EPOCH.checked_add_signed(since)
    }))
}

/// `None` if the claim is neither text nor a list of texts.
fn scopes(claim: Option<&Value>) -> Option<Vec<String>> {
    match claim {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::String(words)) => {
            Some(words.split_ascii_whitespace().map(str::to_owned).collect())
        }
        Some(Value::Array(list)) => list
            .iter()
            .map(|scope| scope.as_str().map(str::to_owned))
            .collect(),
        Some(_) => None,
    }
}

fn unreadable(
    place: impl Into<String>,
    error: impl std::error::Error + Send + Sync + 'static,
) -> TokensError {
    TokensError::Keys {
        place: place.into(),
        source: Box::new(error),
    }
}
