//! Limits that can be set. Their names say what is limited; defaults leave ordinary use room.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;

use super::Limits;
use crate::db::StatementTimeouts;

/// How much may be asked for.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitSettings {
    /// Levels of fields in an operation
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_DEPTH",
        default_value_t = 16
    )]
    max_depth: usize,
    /// What an operation may cost: about one for each field resolved, pages multiplied in
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_COMPLEXITY",
        default_value_t = 50_000
    )]
    max_complexity: u32,
    /// Fields that are given another name
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_ALIASES",
        default_value_t = 100
    )]
    max_aliases: usize,
    /// Fields at the root of an operation
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_ROOT_FIELDS",
        default_value_t = 20
    )]
    max_root_fields: usize,
    /// Names, numbers, strings and punctuation marks in a document
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_TOKENS",
        default_value_t = 10_000
    )]
    max_tokens: usize,
    /// Directives in a document
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_DIRECTIVES",
        default_value_t = 50
    )]
    max_directives: usize,
    /// Bytes of a request's body, and of a message on a socket
    #[arg(long, global = true, env = "SYNC_HISTORY_MAX_BODY", default_value_t = 1024 * 1024)]
    max_body: usize,
    /// How long a query or mutation may take
    #[arg(long, global = true, env = "SYNC_HISTORY_OPERATION_TIMEOUT", default_value = "30s",
        value_parser = humantime::parse_duration, value_name = "DURATION")]
    operation_timeout: Duration,
    /// How long one statement of it may take (PostgreSQL)
    #[arg(long, global = true, env = "SYNC_HISTORY_STATEMENT_TIMEOUT", default_value = "30s",
        value_parser = humantime::parse_duration, value_name = "DURATION")]
    statement_timeout: Duration,
    /// How long one may look for what no index finds, such as a part of a message
    #[arg(long, global = true, env = "SYNC_HISTORY_SCAN_TIMEOUT", default_value = "120ms",
        value_parser = humantime::parse_duration, value_name = "DURATION")]
    scan_timeout: Duration,
    /// Operations that one key, person or the anonymous may have under way, live views among them
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_OPERATIONS",
        default_value_t = 20_000
    )]
    max_operations: u32,
    /// Sockets that one of them may have open
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_SOCKETS",
        default_value_t = 10_000
    )]
    max_sockets: u32,
    /// Complexity that one of them may ask for in a second, over time
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_RATE",
        default_value = "10000000"
    )]
    max_rate: NonZeroU32,
    /// Complexity that one of them who has rested may ask for at once
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_BURST",
        default_value = "50000000"
    )]
    max_burst: NonZeroU32,
    /// Tell nobody the schema
    #[arg(long, global = true, env = "SYNC_HISTORY_NO_INTROSPECTION")]
    no_introspection: bool,
    /// Suggest no names to those who mistype one; who may not read is never suggested any
    #[arg(long, global = true, env = "SYNC_HISTORY_NO_SUGGESTIONS")]
    no_suggestions: bool,
}

impl LimitSettings {
    /// How long statements may take.
    pub(crate) fn statement_timeouts(&self) -> StatementTimeouts {
        StatementTimeouts {
            statement: self.statement_timeout,
            slow_query: self.scan_timeout,
        }
    }

    /// Hands each consumer its own.
    pub(super) fn apply(&self, limits: &mut Limits) {
        let documents = &mut limits.graphql.documents;
        documents.depth = self.max_depth;
        documents.cost = self.max_complexity;
        documents.aliases = self.max_aliases;
        documents.root_fields = self.max_root_fields;
        documents.tokens = self.max_tokens;
        documents.directives = self.max_directives;
        limits.graphql.operation_time = self.operation_timeout;
        limits.graphql.introspection = !self.no_introspection;
        limits.graphql.suggestions = !self.no_suggestions;
        limits.http.body_bytes = self.max_body;
        let quota = &mut limits.http.quota;
        quota.operations = self.max_operations;
        quota.sockets = self.max_sockets;
        quota.rate = self.max_rate;
        quota.burst = self.max_burst;
    }
}
