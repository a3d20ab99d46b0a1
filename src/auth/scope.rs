//! Scopes: the permissions of a principal.

use std::{fmt, str::FromStr};

use strum::{AsRefStr, Display, EnumString, VariantArray};

/// A permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsRefStr, Display, EnumString, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Scope {
    /// Query and subscribe to everything.
    Read,
    /// Create, update and complete runs, and add events.
    Report,
    /// Cancel runs, and act on behalf of other users.
    Operate,
    /// Delete runs. Grants every other scope.
    Admin,
}

/// A set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

/// The name of a scope that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope `{0}`; valid scopes are read, report, operate and admin")]
pub struct UnknownScope(String);

impl Scopes {
    /// Returns the set of all scopes.
    #[must_use]
    pub fn all() -> Self {
        Scope::VARIANTS.iter().copied().collect()
    }

    /// Returns whether the set grants `scope`, directly or through [`Scope::Admin`].
    #[must_use]
    pub fn grants(self, scope: Scope) -> bool {
        self.contains(scope) || self.contains(Scope::Admin)
    }

    /// Returns whether the set is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Iterates over the scopes in the order of [`Scope`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        let contains = move |scope: &Scope| self.contains(*scope);
        Scope::VARIANTS.iter().copied().filter(contains)
    }

    fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let bits = scopes.into_iter().map(|scope| 1 << scope as u8);
        Self(bits.fold(0, |set, bit: u8| set | bit))
    }
}

/// Parses names separated by spaces or commas.
impl FromStr for Scopes {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let names = text.split([' ', ',']).filter(|name| !name.is_empty());
        names
            .map(|name| name.parse().map_err(|_| UnknownScope(name.to_owned())))
            .collect()
    }
}

/// Formats the names separated by spaces.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(|scope| scope.to_string()).collect();
        f.write_str(&names.join(" "))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_round_trip_through_their_names() {
        let scopes: Scopes = "report, read".parse().unwrap();
        assert_eq!(scopes.to_string(), "read report");
        assert!("read write".parse::<Scopes>().is_err());
        assert!("".parse::<Scopes>().unwrap().is_empty());
    }

    #[test]
    fn a_scope_grants_only_itself_and_admin_grants_all() {
        for scope in Scope::VARIANTS {
            let scopes: Scopes = [*scope].into_iter().collect();
            for other in Scope::VARIANTS {
                let granted = scope == other || *scope == Scope::Admin;
                assert_eq!(scopes.grants(*other), granted, "{scope} grants {other}");
            }
        }
    }
}
