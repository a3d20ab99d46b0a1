//! The baseline of requests: one hand-written statement per request, its rows as JSON, on axum. It has no
//! GraphQL, no change feed and no limits.

mod model;
mod postgres;
mod sqlite;

use anyhow::Result;
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use clap::Args;

use crate::server::serve_baseline;

/// Serve the hand-written statements that the server is compared with
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long)]
    database_url: String,
}

pub(crate) async fn serve(options: Options) -> Result<()> {
    let url = &options.database_url;
    serve_baseline(if url.starts_with("sqlite:") {
        sqlite::router(url).await?
    } else {
        postgres::router(url).await?
    })
    .await
}

/// A failed statement, returned with status 500.
#[derive(Debug)]
struct Failure(sqlx::Error);

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0.to_string()).into_response()
    }
}

type JsonResult<T> = Result<Json<T>, Failure>;
