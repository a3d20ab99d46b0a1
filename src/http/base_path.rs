//! The path under which the server is reached.

use std::{fmt, str::FromStr};

/// The path of a server that shares its host with others, such as `/sync`. Empty for a server at the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(String);

/// The text is not the path of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBasePath {
    /// It does not start with a slash, or is a URL.
    #[error("a path starts with one slash, as in /sync")]
    Start,
    /// A segment is empty, or contains something else than letters, digits, `-`, `_`, `.` and `~`.
    #[error(
        "a path consists of letters, digits, `-`, `_`, `.` and `~` between slashes, as in \
         /tools/sync"
    )]
    Segment,
}

impl BasePath {
    /// Returns a path of the server, which starts with a slash, as clients see it.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Returns the path without a trailing slash: empty for the root.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BasePath {
    type Err = InvalidBasePath;

    fn from_str(text: &str) -> Result<Self, InvalidBasePath> {
        let path = text.strip_suffix('/').unwrap_or(text);
        if path.is_empty() {
            return Ok(Self::default());
        }
        let segments = path.strip_prefix('/').ok_or(InvalidBasePath::Start)?;
        if segments.split('/').all(is_segment) {
            Ok(Self(path.to_owned()))
        } else {
            Err(InvalidBasePath::Segment)
        }
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

/// Returns whether a segment is written in one way only: unreserved characters (RFC 3986, 2.3), no dots alone.
fn is_segment(segment: &str) -> bool {
    let is_unreserved = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    !matches!(segment, "" | "." | "..") && segment.chars().all(is_unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_segments_and_no_trailing_slash() {
        for (text, expected) in [
            ("/sync", "/sync"),
            ("/sync/", "/sync"),
            ("/tools/sync-1.2_a~", "/tools/sync-1.2_a~"),
            ("/", ""),
            ("", ""),
        ] {
            assert_eq!(text.parse::<BasePath>().unwrap().as_str(), expected);
        }
        for (text, error) in [
            ("sync", InvalidBasePath::Start),
            ("https://a.example/sync", InvalidBasePath::Start),
            ("//sync", InvalidBasePath::Segment),
            ("/sync//", InvalidBasePath::Segment),
            ("/a/../b", InvalidBasePath::Segment),
            ("/{a}", InvalidBasePath::Segment),
            ("/a b", InvalidBasePath::Segment),
            ("/a%20b", InvalidBasePath::Segment),
            ("/a\"b", InvalidBasePath::Segment),
            ("/ä", InvalidBasePath::Segment),
        ] {
            assert_eq!(text.parse::<BasePath>().unwrap_err(), error, "{text}");
        }
    }
}
