//! Encoding of cursors: opaque text with a checksum, so that a cursor that is truncated, altered or of
//! another list is rejected.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, Datelike};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    db::keyset::{Position, PositionValue},
    feed::{EventCursor, FeedCursor},
    runs::{Error, Result, RunOrderField, UserPosition},
};

/// The list that a cursor belongs to, encoded in its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// A list of runs in this order.
    Runs(RunOrderField),
    /// Any list of events.
    Events,
}

const CHANGES_TAG: u8 = 0;
const ADDED_EVENTS_TAG: u8 = 7;
const USERS_TAG: u8 = 11;
/// Bytes of an encoded cursor. A position in the feed lists the transactions that were open.
const MAX_BYTES: usize = 64 * 1024;
const BAD_CURSOR: &str = "this cursor does not belong to this list: pass a cursor unchanged, with the \
    same orderBy";

impl List {
    fn tag(self) -> u8 {
        match self {
            Self::Events => 1,
            Self::Runs(RunOrderField::StartedAt) => 2,
            Self::Runs(RunOrderField::CompletedAt) => 3,
            Self::Runs(RunOrderField::Duration) => 4,
            Self::Runs(RunOrderField::RecordsProcessed) => 5,
            Self::Runs(RunOrderField::RecordsFailed) => 6,
            Self::Runs(RunOrderField::Status) => 8,
            Self::Runs(RunOrderField::EntityType) => 9,
            Self::Runs(RunOrderField::Source) => 10,
        }
    }

    /// Returns whether a row of this list can have this position. The checksum does not prevent forgery.
    fn allows(self, position: &Position) -> bool {
        let groups = match self {
            Self::Events => 1,
            Self::Runs(order) => order.groups(),
        };
        usize::from(position.group) < groups && self.allows_value(position.value)
    }

    fn allows_value(self, value: PositionValue) -> bool {
        const TEN_THOUSAND_YEARS: i64 = 10_000 * 366 * 86_400 * 1_000_000;
        let is_instant = |micros| {
            let instant = DateTime::from_timestamp_micros(micros);
            instant.is_some_and(|instant| (0..=9999).contains(&instant.year()))
        };
        let value = match value {
            PositionValue::Stored => return true,
            PositionValue::Null => {
                return matches!(
                    self,
                    Self::Runs(RunOrderField::CompletedAt | RunOrderField::Duration)
                );
            }
            PositionValue::Exact(value) => value,
        };
        match (self, value) {
            (Self::Runs(RunOrderField::Duration), micros) => {
                (0..=TEN_THOUSAND_YEARS).contains(&micros)
            }
            (Self::Runs(RunOrderField::RecordsProcessed | RunOrderField::RecordsFailed), count) => {
                i32::try_from(count).is_ok()
            }
            (_, micros) => is_instant(micros),
        }
    }
}

/// Encodes a position in `list`.
pub(crate) fn encode_position(list: List, position: Position) -> String {
    encode(
        list.tag(),
        &(
            position.group,
            position.value,
            position.seq,
            position.id.as_bytes(),
        ),
    )
}

/// Decodes a position in `list`.
///
/// # Errors
/// Returns [`Error::BadCursor`] if the cursor is malformed or belongs to another list.
pub(crate) fn decode_position(list: List, text: &str) -> Result<Position> {
    let (group, value, seq, id): (u8, PositionValue, i64, [u8; 16]) = decode(list.tag(), text)?;
    let position = Position {
        group,
        value,
        seq,
        id: uuid::Uuid::from_bytes(id),
    };
    if !list.allows(&position) {
        return Err(Error::BadCursor(BAD_CURSOR));
    }
    Ok(position)
}

/// Encodes a position in a list of users.
pub(crate) fn encode_user(position: &UserPosition) -> String {
    encode(USERS_TAG, &(&position.name, position.id.as_bytes()))
}

/// Decodes a position in a list of users.
///
/// # Errors
/// Returns [`Error::BadCursor`] if the cursor is malformed or belongs to another list.
pub(crate) fn decode_user(text: &str) -> Result<UserPosition> {
    let (name, id): (String, [u8; 16]) = decode(USERS_TAG, text)?;
    // PostgreSQL accepts no such text; the checksum does not prevent forgery.
    if name.contains('\0') {
        return Err(Error::BadCursor(BAD_CURSOR));
    }
    let id = uuid::Uuid::from_bytes(id);
    Ok(UserPosition { name, id })
}

/// Encodes a position in the feed of changes.
pub(crate) fn encode_changes(cursor: &FeedCursor) -> String {
    encode(CHANGES_TAG, cursor)
}

/// Decodes a position in the feed of changes.
///
/// # Errors
/// Returns [`Error::BadCursor`] if the cursor is malformed or belongs to a list.
pub(crate) fn decode_changes(text: &str) -> Result<FeedCursor> {
    decode(CHANGES_TAG, text)
}

/// Encodes a position in the feed of a run's events.
pub(crate) fn encode_added_events(cursor: &EventCursor) -> String {
    encode(ADDED_EVENTS_TAG, cursor)
}

/// Decodes a position in the feed of a run's events.
///
/// # Errors
/// Returns [`Error::BadCursor`] if the cursor is malformed or belongs to another list.
pub(crate) fn decode_added_events(text: &str) -> Result<EventCursor> {
    let cursor = decode(ADDED_EVENTS_TAG, text)?;
    match cursor {
        EventCursor::Adopted(position) if !List::Events.allows(&position) => {
            Err(Error::BadCursor(BAD_CURSOR))
        }
        cursor => Ok(cursor),
    }
}

fn encode(tag: u8, content: &impl Serialize) -> String {
    // Serialising integers and bytes to memory cannot fail.
    let content = postcard::to_allocvec(content).unwrap_or_default();
    let mut bytes = vec![tag];
    bytes.extend(content);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decode<T: DeserializeOwned>(tag: u8, text: &str) -> Result<T> {
    let decode = || {
        if text.len() > MAX_BYTES {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (content, checksum) = bytes.split_last_chunk::<4>()?;
        let (first, content) = content.split_first()?;
        let sound = crc32fast::hash(&bytes[..bytes.len() - 4]) == u32::from_le_bytes(*checksum);
        let (value, rest) = postcard::take_from_bytes(content).ok()?;
        (sound && *first == tag && rest.is_empty()).then_some(value)
    };
    decode().ok_or(Error::BadCursor(BAD_CURSOR))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const STARTED_AT: List = List::Runs(RunOrderField::StartedAt);

    #[test]
    fn an_encoded_cursor_decodes_to_its_position() {
        let position = Position {
            group: 0,
            value: PositionValue::Exact(1_790_000_000_123_456),
            seq: 3,
            id: Uuid::from_u128(7),
        };
        let text = encode_position(STARTED_AT, position);
        assert_eq!(decode_position(STARTED_AT, &text).unwrap(), position);
    }

    #[test]
    fn a_cursor_of_another_list_is_rejected() {
        let text = encode_position(
            STARTED_AT,
            Position {
                group: 0,
                value: PositionValue::Exact(1),
                seq: 3,
                id: Uuid::nil(),
            },
        );
        assert!(decode_position(List::Events, &text).is_err());
        assert!(decode_position(List::Runs(RunOrderField::Duration), &text).is_err());
        assert!(decode_changes(&text).is_err());
    }

    #[test]
    fn an_altered_or_truncated_cursor_is_rejected() {
        let text = encode_position(
            STARTED_AT,
            Position {
                group: 0,
                value: PositionValue::Exact(-5),
                seq: 3,
                id: Uuid::max(),
            },
        );
        for index in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[index] = if altered[index] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(decode_position(STARTED_AT, &altered).is_err(), "{altered}");
            assert!(decode_position(STARTED_AT, &text[..index]).is_err());
        }
    }

    #[test]
    fn a_value_that_no_row_can_have_is_rejected() {
        let forged = |list, group, value| {
            encode_position(
                list,
                Position {
                    group,
                    value,
                    seq: 0,
                    id: Uuid::nil(),
                },
            )
        };
        for (list, group, value) in [
            (STARTED_AT, 0, PositionValue::Null),
            (STARTED_AT, 0, PositionValue::Exact(i64::MAX)),
            (STARTED_AT, 1, PositionValue::Exact(1)),
            (
                List::Runs(RunOrderField::Duration),
                0,
                PositionValue::Exact(-1),
            ),
            (
                List::Runs(RunOrderField::Status),
                6,
                PositionValue::Exact(1),
            ),
        ] {
            assert!(decode_position(list, &forged(list, group, value)).is_err());
        }
    }
}
