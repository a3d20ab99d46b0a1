// Measures the console under load: shows the list of runs and the matrix while runs change, and prints long tasks and
// memory.
//
//   node checks/load.mjs http://127.0.0.1:8080/ [changes per second] [seconds]
//
// Unauthenticated requests need the scopes `read` and `report`. The server's database receives thousands of runs.
import { launch, openContext } from './browser.mjs';
import { createRun, execute } from './server.mjs';

const base = new URL(process.argv[2].replace(/\/?$/, '/'));
const rate = Number(process.argv[3] ?? 200);
const seconds = Number(process.argv[4] ?? 30);

const browser = await launch(base.hostname);
const problems = [];

/** Opens a screen that records tasks of more than 50 ms. */
async function watch(path) {
  const page = await (await openContext(browser, base, problems)).newPage();
  await page.addInitScript(() => {
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((entry) => entry.duration))).observe({
      type: 'longtask',
    });
  });
  await page.goto(new URL(path, base).href);
  await page.locator('.connection.live').waitFor();
  const session = await page.context().newCDPSession(page);
  await page.waitForTimeout(2_000);
  await page.evaluate(() => window.longTasks.splice(0));
  return { path, page, session, before: await heap(session) };
}

async function heap(session) {
  await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

/** How many clients make the changes. */
const CLIENTS = 16;

/** Changes of one request: 16 runs progress, two begin, two end. */
const PROGRESS = 16;
const TURNOVER = 2;
const PER_REQUEST = PROGRESS + 2 * TURNOVER;

const indexes = (count) => Array.from({ length: count }, (_, index) => index);
const CHANGES = `mutation (
    ${indexes(PROGRESS).map((index) => `$p${index}: ReportSyncProgressInput!`)}
    ${indexes(TURNOVER).map((index) => `$b${index}: CreateSyncRunInput!, $e${index}: CompleteSyncRunInput!`)}
  ) {
    ${indexes(PROGRESS).map((index) => `p${index}: reportSyncProgress(input: $p${index}) { run { id } }`)}
    ${indexes(TURNOVER).map((index) => `b${index}: createSyncRun(input: $b${index}) { run { id } }`)}
    ${indexes(TURNOVER).map((index) => `e${index}: completeSyncRun(input: $e${index}) { run { id } }`)}
  }`;

const ENTITY_TYPES = ['PRODUCT', 'STOCK', 'PRICING', 'ORDER', 'CUSTOMER'];
const SOURCES = ['AS400', 'FILEMAKER', 'API', 'FILE'];

/** Changes the runs in `open`, oldest first. */
async function changeOnce(open, turn) {
  const ending = open.splice(0, TURNOVER);
  const variables = {};
  for (const index of indexes(PROGRESS)) {
    const run = open[(turn * PROGRESS + index) % open.length];
    run.processed += 10;
    variables[`p${index}`] = { runId: run.id, counts: { recordsProcessed: run.processed } };
  }
  for (const index of indexes(TURNOVER)) {
    const entityType = ENTITY_TYPES[turn % ENTITY_TYPES.length];
    variables[`b${index}`] = { entityType, source: SOURCES[turn % SOURCES.length], status: 'RUNNING', recordsExpected: 1000 };
    const failure = { status: 'FAILED', errorMessage: `row ${turn}: part_number is null` };
    variables[`e${index}`] = { runId: ending[index].id, ...(turn % 5 === 0 ? failure : {}) };
  }
  const data = await execute(base, CHANGES, variables);
  for (const index of indexes(TURNOVER)) open.push({ id: data[`b${index}`].run.id, processed: 0 });
}

/** Changes runs of its own at a share of the rate. */
async function changeShare() {
  const open = [];
  for (const _ of indexes(PROGRESS + TURNOVER)) open.push({ id: await createRun(base), processed: 0 });
  const started = performance.now();
  const interval = (PER_REQUEST * CLIENTS * 1000) / rate;
  for (let turn = 0; turn * interval < seconds * 1000; turn++) {
    await new Promise((next) => setTimeout(next, Math.max(0, started + turn * interval - performance.now())));
    await changeOnce(open, turn);
  }
}

/** Returns how many changes a second were made. */
async function change() {
  const started = performance.now();
  await Promise.all(indexes(CLIENTS).map(changeShare));
  return (rate * seconds * 1000) / (performance.now() - started);
}

try {
  const watched = [await watch('runs'), await watch('')];
  const reached = await change();
  console.log(`${Math.round(reached)} changes per second for ${seconds} s`);
  for (const { path, page, session, before } of watched) {
    const tasks = await page.evaluate(() => window.longTasks);
    const longest = Math.round(Math.max(0, ...tasks));
    await page.waitForTimeout(1_000);
    const after = await heap(session);
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    console.log(
      `/${path}: ${tasks.length} tasks over 50 ms, the longest ${longest} ms; ` +
        `heap ${megabytes(before)} MB before, ${megabytes(after)} MB after; ${await page.locator('.connection').textContent()}`,
    );
  }
  if (problems.length > 0) console.log(problems.slice(0, 5));
} finally {
  await browser.close();
}
