// Initial tabs of a new visitor. `checks/graphiql.mjs` runs them by their operation names.
// Comment lines are short enough to fit the editor on a common screen.
interface Example {
  query: string;
  variables?: string;
}

const runIdVariables = JSON.stringify({ runId: 'paste-a-run-id-here' }, null, 2);

const DAY = 24 * 60 * 60 * 1000;

/** Variables with a start of a period that ends now. */
function since(days: number) {
  const start = new Date(Date.now() - days * DAY);
  start.setUTCHours(0, 0, 0, 0);
  return JSON.stringify({ since: start.toISOString() }, null, 2);
}

export const examples: Example[] = [
  {
    query: `# Lists the ten newest runs with their users,
# counts and errors. Press Ctrl-Enter to run.
query LatestRuns {
  syncRuns(first: 10) {
    nodes {
      id
      entityType
      source
      status
      startedAt
      completedAt
      durationSeconds
      recordsProcessed
      recordsCreated
      recordsUpdated
      recordsFailed
      errorMessage
      triggeredBy {
        fullName
        email
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount
  }
}
`,
  },
  {
    query: `# Lists the runs that have not finished yet.
query ActiveRuns {
  syncRuns(filter: { status: [PENDING, RUNNING] }, first: 20) {
    nodes {
      id
      entityType
      source
      status
      startedAt
      updatedAt
      recordsProcessed
      recordsExpected
      progress
    }
    totalCount
  }
}
`,
  },
  {
    query: `# Gets the newest run and its first events.
# Use syncRun(id: "…") to get a run by its ID.
query RunWithEvents {
  syncRuns(first: 1) {
    nodes {
      id
      entityType
      source
      status
      details
      events(first: 20) {
        nodes {
          timestamp
          eventType
          message
          details
        }
        pageInfo {
          hasNextPage
          endCursor
        }
        totalCount
      }
    }
  }
}
`,
  },
  {
    query: `# Lists events of all runs, filtered by type.
# Each event links to its run.
query EventsOfType {
  syncEvents(filter: { eventType: ["error"] }, first: 20) {
    nodes {
      id
      timestamp
      message
      details
      run {
        id
        entityType
        source
        status
      }
    }
    totalCount
  }
}
`,
  },
  {
    query: `# What is late? Lists each entity type and source
# with its state and when it becomes late.
query Freshness {
  syncFreshness {
    entityType
    source
    state
    secondsSinceLastSuccess
    expectedIntervalSeconds
    lateAt
    consecutiveFailures
    lastRun {
      id
      status
      startedAt
      errorMessage
    }
  }
}
`,
  },
  {
    query: `# Counts the failures of the last seven days
# by source.
query FailuresBySource($since: DateTime!) {
  syncRunStats(
    filter: { startedAt: { gte: $since } }
    groupBy: [SOURCE]
  ) {
    source
    runs
    failed
    successRate
  }
}
`,
    variables: since(7),
  },
  {
    query: `# What fails most? Groups the failed runs of the
# last seven days by their error message.
query FailureGroups($since: DateTime!) {
  syncFailureGroups(
    filter: { startedAt: { gte: $since } }
    first: 10
  ) {
    groups {
      message
      runs
      firstFailedAt
      lastFailedAt
      pairs {
        entityType
        source
      }
      fingerprint
    }
    runsRead
    isComplete
  }
}
`,
    variables: since(7),
  },
  {
    query: `# Durations per day of the last 30 days: median
# and 95th percentile in seconds.
query DurationsPerDay($since: DateTime!) {
  syncRunStats(
    filter: { startedAt: { gte: $since } }
    bucket: DAY
    timeZone: "Europe/Zurich"
  ) {
    bucketStart
    runs
    p50DurationSeconds
    p95DurationSeconds
    maxDurationSeconds
  }
}
`,
    variables: since(30),
  },
  {
    query: `# Creates a run in the status PENDING.
# Copy its ID for the next two tabs.
mutation CreateRun {
  createSyncRun(input: { entityType: STOCK, source: AS400, status: PENDING }) {
    run {
      id
      entityType
      source
      status
      version
    }
    replayed
  }
}
`,
  },
  {
    query: `# Starts a run: PENDING becomes RUNNING.
# Set runId in the Variables pane below.
mutation StartRun($runId: ID!) {
  startSyncRun(runId: $runId) {
    run {
      id
      status
      startedAt
      version
    }
    replayed
  }
}
`,
    variables: runIdVariables,
  },
  {
    query: `# Completes a run and sets its final counts.
# Set runId in the Variables pane below.
mutation CompleteRun($runId: ID!) {
  completeSyncRun(
    input: { runId: $runId, counts: { recordsProcessed: 120 } }
  ) {
    run {
      id
      status
      completedAt
      durationSeconds
      recordsProcessed
      version
    }
    replayed
  }
}
`,
    variables: runIdVariables,
  },
  {
    query: `# Subscribes to new runs and status changes.
# Run the mutations in another window: the
# response pane shows the latest change. Press
# the button again to unsubscribe.
subscription WatchRuns {
  syncRunChanged {
    cursor
    kind
    previousStatus
    status
    matchesFilter
    runId
    run {
      id
      entityType
      source
      status
      version
    }
  }
}
`,
  },
  {
    query: `# Subscribes to freshness: sends the state of
# every pair, then each pair whose state changes,
# by a run or by time passing.
subscription WatchFreshness {
  syncFreshnessChanged {
    entityType
    source
    state
    lateAt
    consecutiveFailures
  }
}
`,
  },
];
