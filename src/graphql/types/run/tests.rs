//! Tests of runs that were read in part.

use std::sync::Arc;

use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema, value};
use entity::{SyncEntityType, SyncSource, SyncStatus};

use super::SyncRun;
use crate::{
    clock::SystemClock,
    db,
    graphql::{fast_path::Fast, response::write},
    runs::{Limits, RunColumns, Runs, WriteScope, commands::NewRun},
};

struct Query(SyncRun);

#[Object]
impl Query {
    async fn on_fast_path(&self) -> Fast<SyncRun> {
        Fast(self.0.clone())
    }

    async fn by_async_graphql(&self) -> SyncRun {
        self.0.clone()
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
        heartbeat_timeout_seconds: None,
        created_by: None,
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
    for path in ["onFastPath", "byAsyncGraphql"] {
        let execute = async |columns| {
            let query = Query(create(&runs, columns).await);
            let schema = Schema::build(query, EmptyMutation, EmptySubscription).finish();
            schema.execute(format!("{{ {path} {{ details }} }}")).await
        };
        let response = execute(RunColumns::All).await;
        let expected = format!(r#"{{"data":{{"{path}":{{"details":null}}}}}}"#);
        assert_eq!(write(&response), expected);

        let response = execute(RunColumns::WithoutDetails).await;
        let [error] = &response.errors[..] else {
            panic!("{response:?}");
        };
        let code = error.extensions.as_ref().and_then(|all| all.get("code"));
        assert_eq!(code, Some(&value!("INTERNAL")), "{error:?}");
    }
}
