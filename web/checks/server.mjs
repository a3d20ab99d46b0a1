// The server under test: its API, and a connection to it that can be cut.
import { connect, createServer } from 'node:net';

/** Executes an operation; returns its data. */
export async function execute(base, query, variables = {}) {
  const response = await fetch(new URL('graphql', base), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

export const createRun = async (base, input = {}) => {
  const data = await execute(
    base,
    'mutation ($input: CreateSyncRunInput!) { createSyncRun(input: $input) { run { id } } }',
    { input: { entityType: 'STOCK', source: 'API', status: 'RUNNING', recordsExpected: 200, ...input } },
  );
  return data.createSyncRun.run.id;
};

export const addEvent = (base, runId, eventType, message) =>
  execute(base, 'mutation ($input: AddSyncEventInput!) { addSyncEvent(input: $input) { replayed } }', {
    input: { runId, event: { eventType, message } },
  });

export const reportProgress = (base, runId, recordsProcessed) =>
  execute(base, 'mutation ($input: ReportSyncProgressInput!) { reportSyncProgress(input: $input) { run { id } } }', {
    input: { runId, counts: { recordsProcessed } },
  });

export const completeRun = (base, runId, outcome = {}) =>
  execute(base, 'mutation ($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) { replayed } }', {
    input: { runId, ...outcome },
  });

/** Forwards connections to the server until it is cut. */
export async function startForwarder(base) {
  let isCut = false;
  const sockets = new Set();
  const server = createServer((client) => {
    if (isCut) return client.destroy();
    const upstream = connect(Number(base.port), base.hostname);
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const url = new URL(base);
  url.port = server.address().port;
  return {
    url,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    restore() {
      isCut = false;
    },
    close: () => server.close(),
  };
}
