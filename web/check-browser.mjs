// Drives the explorer in a real browser against a running server:
//
//   node check-browser.mjs http://127.0.0.1:8080
//
// It runs the examples by their tab names (src/examples.ts), among them the live
// view in one page while another page creates, starts and completes a run.
// CHROMIUM names the browser to use, if it is not Debian's.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const STEP_TIMEOUT_MS = 20_000;
// How long an event may take before the run is created once more, see below.
const FIRST_EVENT_TIMEOUT_MS = 4_000;
const TOTAL_TIMEOUT_MS = 100_000;

if (!process.argv[2]) {
  console.error('usage: node check-browser.mjs http://HOST:PORT');
  process.exit(2);
}
const base = new URL(process.argv[2]);
const started = Date.now();

// Everything that must not happen, in the order in which it did.
const problems = [];
const pages = {};
let step = 'starting the browser';

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    // Besides the request filter below: no other name can be resolved at all.
    `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${base.hostname}`,
  ],
});

const isOurs = (address) => {
  const url = new URL(address);
  return url.host === base.host || ['data:', 'blob:'].includes(url.protocol);
};

/** Opens the explorer in a context of its own, as a new visitor. */
async function openExplorer(name) {
  step = `opening the explorer (${name})`;
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  context.setDefaultTimeout(STEP_TIMEOUT_MS);
  // Some messages quote a whole embedded font.
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

  // The documentation lists the schema's types only after introspection.
  step = `waiting for introspection (${name})`;
  await page.getByLabel('Show Documentation Explorer').click();
  await page.locator('.graphiql-doc-explorer').getByText('SyncRun', { exact: true }).first().waitFor();
  await page.getByLabel('Hide Documentation Explorer').click();
  return page;
}

/** What one of the editors holds. Monaco only renders the lines in view. */
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
  // GraphiQL looks at a changed operation a moment later, and stores it then.
  // Only from there on would it run this operation.
  await page.waitForFunction(
    (operation) => new RegExp(`^\\w+ ${operation}\\b`, 'm').test(localStorage.getItem('graphiql:query')),
    name,
  );
}

/** Not by keyboard, because the editor adds closing quotes to what is typed. */
const setVariables = (page, variables) =>
  page.evaluate((text) => {
    const models = window.__MONACO.editor.getModels();
    models.find((model) => model.uri.path.endsWith('variables.json')).setValue(text);
  }, JSON.stringify(variables, null, 2));

/** Runs a query or mutation, and gives its data. */
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
  const answer = JSON.parse(text);
  if (answer.errors || !answer.data) throw new Error(`${name} was answered with ${text}`);
  return answer.data;
}

/** Starts the live view, and gives a function that waits for one change in it. */
async function watch(page) {
  await selectTab(page, 'WatchRuns');
  step = 'starting WatchRuns';
  // The pane shows the latest change only. Keep all, so that another run's
  // change cannot hide the one that is waited for.
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
 * Creates a run that the live view sees. The protocol does not acknowledge a
 * subscription, so the first run may be created before the server listens.
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
  const first = await openExplorer('first page');

  const latest = await run(first, 'LatestRuns');
  if (!Array.isArray(latest.syncRuns?.nodes)) throw new Error('LatestRuns has no syncRuns');
  step = 'looking for the answer on the screen';
  await first.locator('.result-window .view-line', { hasText: '"syncRuns"' }).waitFor();
  for (const name of ['ActiveRuns', 'RunWithEvents', 'EventsOfType']) await run(first, name);

  const shows = await watch(first);
  const second = await openExplorer('second page');
  const { id, attempt } = await createWatchedRun(second, shows);
  await run(second, 'StartRun', { runId: id });
  await shows(id, 'STATUS', 'RUNNING');
  await run(second, 'CompleteRun', { runId: id });
  await shows(id, 'STATUS', 'COMPLETED');

  step = 'stopping WatchRuns';
  await first.getByLabel(/^Stop/).click();
  await first.getByLabel(/^Execute query/).waitFor();

  step = 'checking what went wrong meanwhile';
  if (problems.length > 0) throw new Error(`${problems.length} problem(s)`);
  return { id, attempt };
}

async function explainFailure(error) {
  console.error(`FAILED while ${step}: ${error.message}`);
  for (const problem of problems.slice(0, 20)) console.error(`  ${problem}`);
  const folder = await mkdtemp(join(tmpdir(), 'graphiql-check-'));
  for (const [name, page] of Object.entries(pages)) {
    const shown = await page.evaluate(() => window.shown).catch(() => undefined);
    if (shown) console.error(`  ${name}: the live view showed ${shown.join('\n') || 'nothing'}`);
    const response = await editorText(page, 'response.json').catch(() => undefined);
    if (response) console.error(`  ${name}: the response pane shows ${response}`);
    const file = join(folder, `${name.replace(' ', '-')}.png`);
    await page.screenshot({ path: file, timeout: 5_000 }).then(
      () => console.error(`  ${name}: screenshot in ${file}`),
      () => {},
    );
  }
}

let watchdog;
const tooLate = new Promise((_, reject) => {
  watchdog = setTimeout(() => reject(new Error('the check as a whole took too long')), TOTAL_TIMEOUT_MS);
});
try {
  const { id, attempt } = await Promise.race([check(), tooLate]);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const again = attempt > 1 ? ` (seen at attempt ${attempt})` : '';
  console.log(`OK: GraphiQL works offline, and showed run ${id} live${again}, in ${seconds} s`);
} catch (error) {
  await explainFailure(error);
  process.exitCode = 1;
} finally {
  clearTimeout(watchdog);
  await browser.close();
}
