// Initial tabs of a new visitor. `checks/graphiql.mjs` runs them by their operation names.
// Comment lines are short enough to fit the editor on a common screen.
interface Example {
  query: string;
  variables?: string;
}

const runIdVariables = JSON.stringify({ runId: 'paste-a-run-id-here' }, null, 2);

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
];
