// Tests GraphiQL in a browser against a running server:
//
//   node checks/graphiql.mjs http://127.0.0.1:8080
//
// Runs the examples (src/graphiql/examples.ts) by their tab names. One page subscribes while
// another creates, starts and completes a run. The environment variable CHROMIUM is
// the path of the browser; the default is Debian's.
//
// Requests to other hosts fail the test.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch } from './browser.mjs';

const STEP_TIMEOUT_MS = 20_000;
// After this time without a change, the run is created again (see createWatchedRun).
const FIRST_EVENT_TIMEOUT_MS = 4_000;
const TOTAL_TIMEOUT_MS = 100_000;

if (!process.argv[2]) {
  console.error('usage: node checks/graphiql.mjs http://HOST:PORT');
  process.exit(2);
}
const base = new URL(process.argv[2]);
const started = Date.now();

// Unexpected requests, responses and console messages, in order.
const problems = [];
const pages = {};
let step = 'starting the browser';

const browser = await launch(base.hostname);

const isOurs = (address) => {
  const url = new URL(address);
  return url.host === base.host || ['data:', 'blob:'].includes(url.protocol);
};

/** Opens GraphiQL in a new browser context, as a first-time visitor. */
async function openGraphiql(name) {
  step = `opening GraphiQL (${name})`;
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  context.setDefaultTimeout(STEP_TIMEOUT_MS);
  // Some messages quote an embedded font in full.
  const report = (text) => problems.push(`${name}: ${text.slice(0, 400)}`);

  await context.route(
    (url) => !isOurs(url.href),
    (route) => route.abort(),
  );
  context.on('request', (request) => {
    if (!isOurs(request.url())) report(`request to another host: ${request.url()}`);
  });
  context.on('requestfailed', (request) =>
    report(`failed request: ${request.url()} (${request.failure()?.errorText})`),
  );
  context.on('response', (response) => {
    if (response.status() >= 400) report(`${response.status()} for ${response.url()}`);
  });
  context.on('console', (message) => {
    if (message.type() === 'error') report(`console error: ${message.text()}`);
  });
  context.on('weberror', (error) => report(`uncaught: ${error.error().stack}`));

  const page = await context.newPage();
  pages[name] = page;
  page.on('websocket', (socket) => {
    if (!isOurs(socket.url())) report(`WebSocket to another host: ${socket.url()}`);
  });

  await page.goto(new URL('/graphiql', base).href);
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();

  // The documentation lists types only after introspection.
  step = `waiting for introspection (${name})`;
  await page.getByLabel('Show Documentation Explorer').click();
  await page.locator('.graphiql-doc-explorer').getByText('SyncRun', { exact: true }).first().waitFor();
  await page.getByLabel('Hide Documentation Explorer').click();
  return page;
}

/** Returns the text of an editor. Monaco renders only the visible lines. */
const editorText = (page, file) =>
  page.evaluate((end) => {
    const models = window.__MONACO.editor.getModels();
    return models.find((model) => model.uri.path.endsWith(end)).getValue();
  }, file);

async function selectTab(page, name) {
  step = `selecting the tab ${name}`;
  const text = await editorText(page, 'operation.graphql');
  if (new RegExp(`^\\w+ ${name}\\b`, 'm').test(text)) return;
  await page.locator('.graphiql-tab-button').and(page.getByTitle(name, { exact: true })).click();
  // GraphiQL parses and stores a changed operation with a delay, and runs the
  // previous one until then.
  await page.waitForFunction(
    (operation) => new RegExp(`^\\w+ ${operation}\\b`, 'm').test(localStorage.getItem('graphiql:query')),
    name,
  );
}

/** Sets the model directly, because the editor auto-closes typed quotes. */
const setVariables = (page, variables) =>
  page.evaluate((text) => {
    const models = window.__MONACO.editor.getModels();
    models.find((model) => model.uri.path.endsWith('variables.json')).setValue(text);
  }, JSON.stringify(variables, null, 2));

/** Runs a query or mutation and returns its data. */
async function run(page, name, variables) {
  await selectTab(page, name);
  if (variables) await setVariables(page, variables);
  step = `running ${name}`;
  await page.getByLabel(/^Execute query/).click();
  await page.waitForFunction(() => {
    const models = window.__MONACO.editor.getModels();
    const response = models.find((model) => model.uri.path.endsWith('response.json'));
    return response.getValue() !== '' && !document.querySelector('.graphiql-response .graphiql-spinner');
  });
  const text = await editorText(page, 'response.json');
  const response = JSON.parse(text);
  if (response.errors || !response.data) throw new Error(`${name} returned ${text}`);
  return response.data;
}

/** Starts the subscription and returns a function that waits for a change. */
async function watch(page) {
  await selectTab(page, 'WatchRuns');
  step = 'starting WatchRuns';
  // The pane shows only the latest change. All are recorded, since a change of
  // another run could replace the expected one.
  await page.evaluate(() => {
    const models = window.__MONACO.editor.getModels();
    const response = models.find((model) => model.uri.path.endsWith('response.json'));
    window.shown = [];
    response.onDidChangeContent(() => window.shown.push(response.getValue()));
  });
  const subscribed = page.waitForEvent('websocket').then((socket) =>
    socket.waitForEvent('framesent', {
      predicate: ({ payload }) => JSON.parse(payload).type === 'subscribe',
      timeout: STEP_TIMEOUT_MS,
    }),
  );
  await page.getByLabel(/^Execute query/).click();
  await subscribed;

  return async (id, kind, status, timeout = STEP_TIMEOUT_MS) => {
    step = `waiting for WatchRuns to show ${kind} ${status} of run ${id}`;
    await page.waitForFunction(
      (wanted) =>
        window.shown
          .filter((text) => text !== '')
          .map((text) => JSON.parse(text).data?.syncRunChanged)
          .some((change) => change?.run.id === wanted.id && change.kind === wanted.kind && change.status === wanted.status),
      { id, kind, status },
      { timeout },
    );
  };
}

/**
 * Creates a run that the subscription receives. The protocol does not acknowledge
 * a subscription, so the first run may be created before it is active.
 */
async function createWatchedRun(page, shows) {
  for (let attempt = 1; ; attempt++) {
    const { run: created } = (await run(page, 'CreateRun')).createSyncRun;
    if (created.status !== 'PENDING') throw new Error(`the new run is ${created.status}`);
    try {
      await shows(created.id, 'CREATED', 'PENDING', FIRST_EVENT_TIMEOUT_MS);
      return { id: created.id, attempt };
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

async function check() {
  const first = await openGraphiql('first page');

  const latest = await run(first, 'LatestRuns');
  if (!Array.isArray(latest.syncRuns?.nodes)) throw new Error('LatestRuns has no syncRuns');
  step = 'waiting for the rendered response';
  await first.locator('.result-window .view-line', { hasText: '"syncRuns"' }).waitFor();
  const queries = ['ActiveRuns', 'RunWithEvents', 'EventsOfType', 'Freshness', 'FailuresBySource', 'FailureGroups', 'DurationsPerDay'];
  for (const name of queries) await run(first, name);

  const shows = await watch(first);
  const second = await openGraphiql('second page');
  const { id, attempt } = await createWatchedRun(second, shows);
  await run(second, 'StartRun', { runId: id });
  await shows(id, 'STATUS', 'RUNNING');
  await run(second, 'CompleteRun', { runId: id });
  await shows(id, 'STATUS', 'COMPLETED');

  step = 'stopping WatchRuns';
  await first.getByLabel(/^Stop/).click();
  await first.getByLabel(/^Execute query/).waitFor();

  step = 'checking for unexpected events';
  if (problems.length > 0) throw new Error(`${problems.length} problem(s)`);
  return { id, attempt };
}

async function explainFailure(error) {
  console.error(`FAILED while ${step}: ${error.message}`);
  for (const problem of problems.slice(0, 20)) console.error(`  ${problem}`);
  const folder = await mkdtemp(join(tmpdir(), 'graphiql-check-'));
  for (const [name, page] of Object.entries(pages)) {
    const shown = await page.evaluate(() => window.shown).catch(() => undefined);
    if (shown) console.error(`  ${name}: the subscription returned ${shown.join('\n') || 'nothing'}`);
    const response = await editorText(page, 'response.json').catch(() => undefined);
    if (response) console.error(`  ${name}: the response pane contains ${response}`);
    const file = join(folder, `${name.replace(' ', '-')}.png`);
    await page.screenshot({ path: file, timeout: 5_000 }).then(
      () => console.error(`  ${name}: screenshot in ${file}`),
      () => {},
    );
  }
}

let watchdog;
const timeout = new Promise((_, reject) => {
  watchdog = setTimeout(() => reject(new Error('the test timed out')), TOTAL_TIMEOUT_MS);
});
try {
  const { id, attempt } = await Promise.race([check(), timeout]);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const again = attempt > 1 ? ` (at attempt ${attempt})` : '';
  console.log(`OK: GraphiQL works offline and received the changes of run ${id}${again} in ${seconds} s`);
} catch (error) {
  await explainFailure(error);
  process.exitCode = 1;
} finally {
  clearTimeout(watchdog);
  await browser.close();
}
