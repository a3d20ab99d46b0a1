import { graphql, type ResultOf } from '../../api/graphql';

const RUN_DETAILS = graphql(`
  fragment RunDetails on SyncRun {
    id
    entityType
    source
    status
    startedAt
    completedAt
    updatedAt
    durationSeconds
    recordsProcessed
    recordsCreated
    recordsUpdated
    recordsFailed
    recordsExpected
    progress
    errorMessage
    details
    triggeredBy { id fullName email }
    createdBy
    endedBy
    lastHeartbeatAt
    lostAt
    recoveredAt
    version
  }
`);

export type RunDetails = ResultOf<typeof RUN_DETAILS>;

/** As a list, which has the position of the feed at which it was read. */
export const RUN = graphql(
  `
    query Run($id: ID!) {
      syncRuns(filter: { id: [$id] }, first: 1) {
        feedCursor
        nodes { ...RunDetails }
      }
    }
  `,
  [RUN_DETAILS],
);

export const RUN_CHANGED = graphql(
  `
    subscription RunChanged($id: ID!, $after: String) {
      syncRunChanged(filter: { id: [$id] }, kinds: [CREATED, STATUS, PROGRESS, DELETED], after: $after) {
        cursor
        run { ...RunDetails }
      }
    }
  `,
  [RUN_DETAILS],
);

const EVENT = graphql(`
  fragment Event on SyncEvent {
    id
    eventType
    timestamp
    message
    details
  }
`);

export type RunEvent = ResultOf<typeof EVENT>;

export const RUN_EVENTS = graphql(
  `
    query RunEvents($id: ID!, $last: Int!, $before: String) {
      syncRun(id: $id) {
        id
        events(last: $last, before: $before) {
          feedCursor
          pageInfo { hasPreviousPage startCursor }
          nodes { ...Event }
        }
      }
    }
  `,
  [EVENT],
);

export const EVENT_ADDED = graphql(
  `
    subscription EventAdded($id: ID!, $after: String) {
      syncEventAdded(runId: $id, after: $after) {
        cursor
        event { ...Event }
      }
    }
  `,
  [EVENT],
);

export const USUAL_DURATION = graphql(`
  query UsualDuration($entityType: SyncEntityType!, $source: SyncSource!, $since: DateTime!) {
    syncRunStats(
      filter: { entityType: [$entityType], source: [$source], status: [COMPLETED], startedAt: { gte: $since } }
    ) {
      runs
      p50DurationSeconds
      p95DurationSeconds
    }
  }
`);

export const CANCEL_RUN = graphql(`
  mutation CancelRun($input: CancelSyncRunInput!) {
    cancelSyncRun(input: $input) {
      run { id status }
    }
  }
`);
