// The tabs a new visitor finds. `check-browser.mjs` runs them, by these names.
// Comments are short enough to be seen in half of a common screen.
interface Example {
  query: string;
  variables?: string;
}

const runIdVariables = JSON.stringify({ runId: 'paste-a-run-id-here' }, null, 2);

export const examples: Example[] = [
  {
    query: `# The ten newest runs: who started them, and
# what they did. Ctrl-Enter runs it.
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
    query: `# What is going on now: runs that wait or work.
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
    query: `# The newest run, and what was logged about it.
# For a certain one ask syncRun(id: "…") instead.
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
    query: `# Events of one type across all runs: here,
# everything that went wrong.
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
    query: `# Records a new run that has not started yet.
# Copy its id for the next two tabs.
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
# First paste the run's id below, in Variables.
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
    query: `# Ends a run, and reports its final counts.
# First paste the run's id below, in Variables.
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
    query: `# A live view: each run that is created or
# changes its status. While it is on, run the
# mutations in another window: the latest change
# appears on the right. The button also stops it.
subscription WatchRuns {
  syncRunChanged {
    cursor
    kind
    previousStatus
    status
    matchesFilter
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
