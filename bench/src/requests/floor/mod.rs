//! The floor of requests: the same work by one statement written by hand for each request, its rows
//! to JSON, on axum. No GraphQL, no feed, no limits.

mod postgres;
mod rows;
mod sqlite;

use anyhow::Result;
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use clap::Args;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use rows::{
    Added, Completion, Creation, Deep, Event, Events, List, Nested, NestedRun, One, Run, Written,
};

/// Serve the hand-written statements that the server is compared with
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long)]
    database_url: String,
}

/// The database, with as many connections as the server has.
#[derive(Clone, Debug)]
enum Store {
    Postgres(postgres::Store),
    Sqlite(sqlite::Store),
}

/// Serves on a free port of the loopback address until SIGTERM.
pub(crate) async fn serve(options: Options) -> Result<()> {
    let url = &options.database_url;
    let store = if url.starts_with("sqlite:") {
        Store::Sqlite(sqlite::Store::open(url).await?)
    } else {
        Store::Postgres(postgres::Store::open(url).await?)
    };
    let router = Router::new()
        .route("/list", post(list))
        .route("/nested", post(nested))
        .route("/run", post(run))
        .route("/deep", post(deep))
        .route("/create", post(create))
        .route("/complete", post(complete))
        .route("/event", post(event))
        .route("/events", post(events))
        .with_state(store);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Why a request is not answered.
#[derive(Debug)]
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0).into_response()
    }
}

type Answer<T> = Result<Json<T>, Failure>;

async fn list(State(store): State<Store>, Json(asked): Json<List>) -> Answer<Vec<Run>> {
    Ok(Json(match store {
        Store::Postgres(store) => store.list(asked).await?,
        Store::Sqlite(store) => store.list(asked).await?,
    }))
}

async fn nested(State(store): State<Store>, Json(asked): Json<Nested>) -> Answer<Vec<NestedRun>> {
    Ok(Json(match store {
        Store::Postgres(store) => store.nested(asked).await?,
        Store::Sqlite(store) => store.nested(asked).await?,
    }))
}

async fn run(State(store): State<Store>, Json(asked): Json<One>) -> Answer<Option<Run>> {
    Ok(Json(match store {
        Store::Postgres(store) => store.run(asked).await?,
        Store::Sqlite(store) => store.run(asked).await?,
    }))
}

async fn deep(State(store): State<Store>, Json(asked): Json<Deep>) -> Answer<Vec<Run>> {
    Ok(Json(match store {
        Store::Postgres(store) => store.deep(asked).await?,
        Store::Sqlite(store) => store.deep(asked).await?,
    }))
}

async fn create(State(store): State<Store>, Json(asked): Json<Creation>) -> Answer<Written> {
    Ok(Json(match store {
        Store::Postgres(store) => store.create(asked).await?,
        Store::Sqlite(store) => store.create(asked).await?,
    }))
}

async fn complete(State(store): State<Store>, Json(asked): Json<Completion>) -> Answer<Written> {
    Ok(Json(match store {
        Store::Postgres(store) => store.complete(asked).await?,
        Store::Sqlite(store) => store.complete(asked).await?,
    }))
}

async fn event(State(store): State<Store>, Json(asked): Json<Event>) -> Answer<Written> {
    Ok(Json(match store {
        Store::Postgres(store) => store.event(asked).await?,
        Store::Sqlite(store) => store.event(asked).await?,
    }))
}

async fn events(State(store): State<Store>, Json(asked): Json<Events>) -> Answer<Added> {
    Ok(Json(match store {
        Store::Postgres(store) => store.events(asked).await?,
        Store::Sqlite(store) => store.events(asked).await?,
    }))
}
