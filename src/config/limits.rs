//! Flags of limits. The defaults suit ordinary use.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;

use super::boolean;
use crate::{
    db::StatementTimeouts,
    feed,
    graphql::{self, ResponseLimits},
    http::HttpLimits,
    runs,
};

/// The limits of each component.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Limits of runs and events.
    pub runs: runs::Limits,
    /// Settings of the change feed.
    pub feed: feed::Settings,
    /// Limits of GraphQL operations.
    pub graphql: graphql::GraphqlLimits,
    /// Limits of connections, requests and WebSockets.
    pub http: HttpLimits,
}

/// Flags of limits.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Maximum depth of fields in an operation
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_DEPTH",
        default_value_t = 16
    )]
    max_depth: usize,
    /// Maximum complexity of an operation: about one per resolved field, multiplied by page sizes
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_COMPLEXITY",
        default_value_t = 50_000
    )]
    max_complexity: u32,
    /// Maximum number of aliases in an operation
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_ALIASES",
        default_value_t = 100
    )]
    max_aliases: usize,
    /// Maximum number of root fields in an operation
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_ROOT_FIELDS",
        default_value_t = 20
    )]
    max_root_fields: usize,
    /// Maximum number of tokens in a document: names, numbers, strings and punctuators
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_TOKENS",
        default_value_t = 10_000
    )]
    max_tokens: usize,
    /// Maximum number of directives in a document
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_DIRECTIVES",
        default_value_t = 50
    )]
    max_directives: usize,
    /// Maximum size of a request body or WebSocket message, in bytes
    #[arg(long, global = true, env = "SYNC_HISTORY_MAX_BODY", default_value_t = 1024 * 1024)]
    max_body: usize,
    /// Maximum size of a response, in bytes
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_RESPONSE",
        default_value_t = 16 * 1024 * 1024
    )]
    max_response: usize,
    /// Time limit of a query or mutation
    #[arg(long, global = true, env = "SYNC_HISTORY_OPERATION_TIMEOUT", default_value = "30s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    operation_timeout: Duration,
    /// Time limit of a single SQL statement (PostgreSQL only)
    #[arg(long, global = true, env = "SYNC_HISTORY_STATEMENT_TIMEOUT", default_value = "30s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    statement_timeout: Duration,
    /// Time limit of statements that no index supports, such as text search, per operation
    #[arg(long, global = true, env = "SYNC_HISTORY_SCAN_TIMEOUT", default_value = "120ms", value_parser = humantime::parse_duration, value_name = "DURATION")]
    scan_timeout: Duration,
    /// Time limit of statistics, per operation
    #[arg(long, global = true, env = "SYNC_HISTORY_STATISTICS_TIMEOUT", default_value = "2s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    statistics_timeout: Duration,
    /// Maximum number of concurrent operations per principal, or address of unauthenticated requests, subscriptions included
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_OPERATIONS",
        default_value_t = 20_000
    )]
    max_operations: u32,
    /// Maximum number of open WebSockets per principal, or address of unauthenticated ones
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_SOCKETS",
        default_value_t = 10_000
    )]
    max_sockets: u32,
    /// Rate limit per principal, and per address for unauthenticated requests: complexity per second
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_RATE",
        default_value = "2500000"
    )]
    max_rate: NonZeroU32,
    /// Burst size of the rate limit: complexity available after an idle period
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_MAX_BURST",
        default_value = "5000000"
    )]
    max_burst: NonZeroU32,
    /// Disable introspection of the schema
    #[arg(long, global = true, env = "SYNC_HISTORY_NO_INTROSPECTION", value_parser = boolean)]
    no_introspection: bool,
    /// Disable suggestions for misspelled names in error messages; principals without the scope `read` never get them
    #[arg(long, global = true, env = "SYNC_HISTORY_NO_SUGGESTIONS", value_parser = boolean)]
    no_suggestions: bool,
}

impl LimitArgs {
    /// Returns the time limits of SQL statements.
    pub(crate) fn statement_timeouts(&self) -> StatementTimeouts {
        StatementTimeouts {
            statement: self.statement_timeout,
            slow_query: self.scan_timeout,
            statistics: self.statistics_timeout,
        }
    }

    pub(super) fn apply(&self, limits: &mut Limits) {
        let documents = &mut limits.graphql.documents;
        documents.depth = self.max_depth;
        documents.cost = self.max_complexity;
        documents.aliases = self.max_aliases;
        documents.root_fields = self.max_root_fields;
        documents.tokens = self.max_tokens;
        documents.directives = self.max_directives;
        limits.graphql.responses = ResponseLimits::new(self.max_response);
        limits.graphql.operation_time = self.operation_timeout;
        limits.graphql.introspection = !self.no_introspection;
        limits.graphql.suggestions = !self.no_suggestions;
        limits.http.max_body_bytes = self.max_body;
        let rate_limits = &mut limits.http.rate_limits;
        rate_limits.max_operations = self.max_operations;
        rate_limits.max_sockets = self.max_sockets;
        rate_limits.complexity_per_second = self.max_rate;
        rate_limits.complexity_burst = self.max_burst;
    }
}
