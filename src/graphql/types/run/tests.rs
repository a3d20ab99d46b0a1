//! Tests of runs that were read in part.

use std::sync::Arc;

use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Schema, value};
use entity::{SyncEntityType, SyncSource, SyncStatus};

use super::SyncRun;
use crate::{
    clock::SystemClock,
    db,
    graphql::{
        fast_path::Fast,
        response::{json::Encoding, write},
    },
    runs::{Limits, RunColumns, Runs, WriteScope, commands::NewRun},
};

/// A run that was read with its details, and one that was read without them.
struct Query {
    with_details: SyncRun,
    without_details: SyncRun,
}

#[Object]
impl Query {
    async fn with_details(&self) -> Fast<SyncRun> {
        Fast(self.with_details.clone())
    }

    async fn without_details(&self) -> Fast<SyncRun> {
        Fast(self.without_details.clone())
    }
}

async fn create(runs: &Runs, columns: RunColumns) -> SyncRun {
    let new = NewRun {
        id: None,
        entity_type: SyncEntityType::Stock,
        source: SyncSource::Api,
        status: SyncStatus::Running,
        started_at: None,
        records_expected: None,
        triggered_by_id: None,
        details: None,
    };
    let created = runs.create(new, &WriteScope::AllSources, columns).await;
    created.unwrap().run.into()
}

#[tokio::test]
async fn details_that_were_not_loaded_are_an_internal_error() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", folder.path().display());
    let database = db::connect(&url).await.unwrap();
    let clock = Arc::new(SystemClock::default());
    let runs = Runs::new(database, clock, Limits::default());
    let query = Query {
        with_details: create(&runs, RunColumns::All).await,
        without_details: create(&runs, RunColumns::WithoutDetails).await,
    };
    let schema = Schema::build(query, EmptyMutation, EmptySubscription).finish();
    // A field with a directive is resolved by async-graphql, others on the fast path.
    for field in ["details", "details @include(if: true)"] {
        for encoding in [Encoding::Json, Encoding::Tree] {
            let execute = async |run: &str| {
                let request = Request::new(format!("{{ {run} {{ {field} }} }}"));
                schema.execute(request.data(encoding)).await
            };
            let response = execute("withDetails").await;
            let expected = r#"{"data":{"withDetails":{"details":null}}}"#;
            assert_eq!(write(&response), expected);

            let response = execute("withoutDetails").await;
            let [error] = &response.errors[..] else {
                panic!("{response:?}");
            };
            let code = error.extensions.as_ref().and_then(|all| all.get("code"));
            assert_eq!(code, Some(&value!("INTERNAL")), "{error:?}");
        }
    }
}
