// Tests the console in a browser against a running server:
//
//   READER_KEY=… node checks/console.mjs http://127.0.0.1:8080/
//
// Unauthenticated requests need all scopes; READER_KEY is an API key with the scope `read`. The environment variable
// CHROMIUM is the path of the browser; the default is Debian's. With SCREENSHOTS, the folder receives pictures of a
// failure.
import { createRequire } from 'node:module';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { launch, openContext } from './browser.mjs';
import { addEvent, completeRun, createRun, reportProgress, startForwarder } from './server.mjs';

const TOTAL_TIMEOUT_MS = 120_000;
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

if (!process.argv[2]) {
  console.error('usage: node checks/console.mjs http://HOST:PORT/');
  process.exit(2);
}
const direct = new URL(process.argv[2].replace(/\/?$/, '/'));
const forwarder = await startForwarder(direct);
const base = forwarder.url;
const at = (path) => new URL(path, base).href;

const problems = [];
let step = 'starting the browser';
let page;
const browser = await launch(base.hostname);
const started = Date.now();

const open = (options) => openContext(browser, base, problems, options);

const row = (id) => page.locator('.rows .row', { has: page.locator(`a[href$="${id}"]`) });
const heading = (text) => page.getByRole('heading', { level: 1, name: text });
const connection = (word) => page.locator('.connection', { hasText: word }).waitFor();

/** axe-core is evaluated rather than added as a script, which the content security policy forbids. */
async function checkAccessibility(target, name) {
  step = `checking accessibility of ${name}`;
  if (!(await target.evaluate(() => 'axe' in window))) {
    await target.evaluate(await readFile(axe, 'utf8'));
  }
  const found = await target.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 200)} ${node.failureSummary}`));
  });
  assert.deepEqual(found, [], name);
}

async function runsAppearProgressAndFail() {
  step = 'opening the list';
  await page.goto(at('runs'));
  await page.locator('.rows .row').first().waitFor();
  await connection('Live');

  step = 'waiting for a new run';
  await page.locator('.rows').hover({ position: { x: 300, y: 60 } });
  const first = await page.locator('.rows .row a').first().getAttribute('href');
  const id = await createRun(direct);
  const badge = page.getByRole('button', { name: '1 new' });
  await badge.waitFor();
  assert.equal(await page.locator('.rows .row a').first().getAttribute('href'), first, 'no row moves under the pointer');
  await badge.click();
  await row(id).getByText('Running').waitFor();

  step = 'waiting for progress';
  await reportProgress(direct, id, 50);
  await page.waitForFunction((id) => document.querySelector(`.row:has(a[href$="${id}"]) progress`)?.value === 0.25, id);

  step = 'waiting for the failure';
  await completeRun(direct, id, { status: 'FAILED', errorMessage: 'connection to 10.0.4.12:8471 timed out' });
  await row(id).getByText('Failed').waitFor();
  await row(id).getByText('timed out').waitFor();
  return id;
}

async function aRunIsFollowedAndCancelled() {
  step = 'opening a run by keyboard';
  const id = await createRun(direct, { entityType: 'ORDER', recordsExpected: null });
  await page.mouse.move(5, 5);
  await row(id).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await heading('Order from API · running').waitFor();

  step = 'following events';
  await addEvent(direct, id, 'chunk', 'Chunk 1/9 imported');
  await page.locator('.timeline').getByText('Chunk 1/9 imported').waitFor();
  await reportProgress(direct, id, 1204);
  await page.locator('.facts').getByText('1,204').waitFor();

  step = 'cancelling the run';
  await page.getByRole('button', { name: 'Cancel run…' }).click();
  await page.getByLabel('Reason (optional)').fill('Wrong file');
  await checkAccessibility(page, 'the confirmation');
  await page.getByRole('button', { name: 'Cancel run', exact: true }).click();
  await heading('Order from API · cancelled').waitFor();
  await page.locator('.error').getByText('Wrong file').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Cancel run…' }).count(), 0);

  step = 'going back';
  await page.goBack();
  await row(id).getByText('Cancelled').waitFor();
}

async function theServerIsLostAndComesBack() {
  step = 'losing the server';
  forwarder.cut();
  await connection('Reconnecting');
  await page.locator('header.reconnecting').waitFor();
  const id = await createRun(direct, { entityType: 'PRICING' });
  await completeRun(direct, id, {});
  step = 'waiting for recovery';
  await page.waitForTimeout(500);
  forwarder.restore();
  await connection('Live');
  await page.getByRole('button', { name: '1 new' }).waitFor();
  await page.keyboard.press('n');
  await row(id).getByText('Completed').waitFor();
}

async function aSharedAddressShowsTheSame() {
  step = 'opening a shared address';
  await page.goto(at('runs?status=failed&source=as400&sort=duration'));
  await page.locator('.rows .row').first().waitFor();
  await page.getByRole('button', { name: 'Status Failed' }).waitFor();
  await page.getByRole('button', { name: 'Source AS/400' }).waitFor();
  const texts = await page.locator('.rows .row').allTextContents();
  assert.ok(texts.length > 10 && texts.every((text) => text.includes('Failed') && text.includes('AS/400')), texts[0]);

  step = 'changing filters';
  await page.getByRole('button', { name: 'Entity type' }).click();
  await page.getByLabel('Stock').check();
  await page.keyboard.press('Escape');
  await page.waitForURL(/type=stock/);
  await page.waitForFunction(() => [...document.querySelectorAll('.rows .name a')].every((a) => a.textContent === 'Stock'));
  await page.goBack();
  await page.waitForFunction(() => [...document.querySelectorAll('.rows .name a')].some((a) => a.textContent !== 'Stock'));
  assert.ok(!page.url().includes('type='));

  step = 'filtering by text';
  await page.keyboard.press('/');
  await page.keyboard.type('read timed out');
  await page.waitForURL(/error=read\+timed\+out/);
  await page.waitForFunction(() => [...document.querySelectorAll('.rows .message')].every((one) => /read timed out/i.test(one.textContent)));

  step = 'exporting';
  const csv = await exportAs('CSV, for spreadsheets');
  const current = page.locator('.tabs [aria-current] span').filter({ hasText: /\d/ });
  const count = await current.textContent();
  assert.equal(csv.trimEnd().split('\r\n').length, Number(count) + 1, csv);

  step = 'exporting a formula';
  const id = await createRun(direct, { entityType: 'MANUFACTURER', source: 'FILE' });
  const errorMessage = '=HYPERLINK("http://evil.example", "x")';
  await completeRun(direct, id, { status: 'FAILED', errorMessage });
  await page.goto(at('runs?type=manufacturer&source=file'));
  await row(id).waitFor();
  assert.match(await exportAs('CSV, for spreadsheets'), /,"'=HYPERLINK\(""http:\/\/evil\.example"", ""x""\)",\r\n/);
  const [exported] = JSON.parse(await exportAs('JSON'));
  assert.deepEqual([exported.id, exported.errorMessage], [id, errorMessage]);
}

/** Exports the list and returns the file. */
async function exportAs(format) {
  await page.getByRole('button', { name: 'Export' }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: format }).click();
  const stream = await (await download).createReadStream();
  const text = (await stream.toArray()).join('');
  await page.keyboard.press('Escape');
  return text;
}

async function theKeyboardIsEnough() {
  step = 'using the keyboard alone';
  await page.goto(at('runs'));
  await page.locator('.rows .row').first().waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to content');
  for (const key of ['j', 'j', 'j', 'k']) await page.keyboard.press(key);
  await page.waitForFunction(() => document.activeElement?.closest('.row')?.dataset.index === '1');
  await page.keyboard.press('?');
  await page.getByRole('dialog').getByText('Next run').waitFor();
  await checkAccessibility(page, 'the help');
  await page.keyboard.press('Escape');
  await page.keyboard.press('g');
  await page.keyboard.press('a');
  await heading('Access').waitFor();
  await page.goBack();
  await heading('Runs').waitFor();
}

async function thousandsOfRowsAreLoaded() {
  step = 'scrolling';
  await page.goto(at('runs'));
  await page.locator('.rows .row').first().waitFor();
  await page.waitForFunction(
    () => {
      window.scrollTo(0, document.documentElement.scrollHeight);
      return document.querySelector('[role=table]')?.ariaRowCount > 1000;
    },
    undefined,
    { polling: 50 },
  );
  const rendered = await page.locator('.rows .row').count();
  assert.ok(rendered < 100, `${rendered} rows are rendered`);
}

async function aReaderSeesAllAndCancelsNothing(failedId) {
  const key = process.env.READER_KEY;
  assert.ok(key, 'set READER_KEY');
  step = 'signing in';
  const context = await open();
  page = await context.newPage();
  await page.goto(at('access'));
  await page.getByLabel('API key or access token').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('You may read, but not report, cancel, delete.').waitFor();

  step = 'reading with a key that may only read';
  const id = await createRun(direct, { entityType: 'CUSTOMER', source: 'API' });
  await page.getByRole('link', { name: 'Runs' }).click();
  await row(id).getByText('Running').waitFor();
  await reportProgress(direct, id, 100);
  await page.waitForFunction((id) => document.querySelector(`.row:has(a[href$="${id}"]) progress`)?.value === 0.5, id);
  await row(id).getByRole('link').click();
  await heading('Customer from API · running').waitFor();
  await page.getByText('No events').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Cancel run…' }).count(), 0);
  await completeRun(direct, id, { status: 'FAILED', errorMessage: 'no' });
  await heading('Customer from API · failed').waitFor();

  step = 'using the key in GraphiQL';
  const request = page.waitForRequest((one) => one.url().endsWith('/graphql') && one.method() === 'POST');
  await page.getByRole('link', { name: 'GraphiQL' }).click();
  assert.equal((await request).headers().authorization, `Bearer ${key}`);
  await page.goto(at(`runs/${failedId}`));
  await heading('Stock from API · failed').waitFor();
  assert.equal(await page.evaluate(() => Object.keys(localStorage).some((name) => /credential/.test(name))), false);

  step = 'using a wrong key';
  const wrong = await open({ isExpected: (text) => /401/.test(text) || /WebSocket/.test(text) });
  page = await wrong.newPage();
  await page.addInitScript(() => sessionStorage.setItem('sync-history:credential', 'wrong'));
  await page.goto(at('runs'));
  await page.getByText('Sign in to see this').waitFor();
  await connection('Not signed in');
  await context.close();
  await wrong.close();
}

async function theMatrixFollowsRuns() {
  step = 'opening the matrix';
  await page.goto(at(''));
  const cell = page.locator('.matrix td', { has: page.locator('a[href$="source=filemaker&type=measurement"]') });
  await page.locator('.matrix .cell').first().waitFor();
  assert.match(await page.locator('.sub').textContent(), /feeds? (needs?|are)/);
  step = 'waiting for a pair in the matrix';
  const id = await createRun(direct, { entityType: 'MEASUREMENT', source: 'FILEMAKER' });
  await cell.getByText('Running').waitFor();
  await completeRun(direct, id, {});
  await cell.getByText('Fresh').waitFor();
  await cell.getByRole('link').click();
  await page.waitForURL(/runs\?source=filemaker&type=measurement/);
  await row(id).waitFor();
}

async function sameFailuresAreOneGroup() {
  step = 'opening failures';
  for (const number of [17, 4711, 99]) {
    const id = await createRun(direct, { entityType: 'MANUFACTURER', source: 'EXTERNAL' });
    await completeRun(direct, id, { status: 'FAILED', errorMessage: `catalogue row ${number}: no such brand` });
  }
  await page.goto(at('failures?period=24h&source=external'));
  const group = page.locator('.failures li', { hasText: 'no such brand' });
  await group.waitFor();
  assert.equal(await group.count(), 1);
  await group.getByText('Manufacturer from External').waitFor();
  step = 'opening the runs of a failure';
  await group.getByRole('link', { name: '3 runs' }).click();
  await page.getByRole('link', { name: 'Failure the same' }).waitFor();
  await page.locator('.rows .row').nth(2).waitFor();
  const texts = await page.locator('.rows .message').allTextContents();
  assert.ok(texts.length === 3 && texts.every((text) => text.includes('no such brand')), texts.join());
}

/** Screens, with what is on them once they are loaded. */
const screens = (failedId) => [
  ['', '.cell .sparkline g'],
  ['runs', '.rows .row'],
  [`runs/${failedId}`, '.facts'],
  ['failures?period=90d', '.failures li'],
  ['statistics', '.charts canvas'],
  ['access', '.scopes'],
];

async function allScreensAreAccessible(failedId) {
  for (const colorScheme of ['light', 'dark']) {
    const context = await open({ colorScheme });
    page = await context.newPage();
    for (const [path, content] of screens(failedId)) {
      step = `opening ${path} (${colorScheme})`;
      await page.goto(at(path));
      await page.locator(content).first().waitFor();
      await checkAccessibility(page, `${path} (${colorScheme})`);
    }
    await context.close();
  }
  const context = await open({ viewport: { width: 390, height: 844 }, hasTouch: true });
  page = await context.newPage();
  for (const [path, content] of screens(failedId)) {
    step = `opening ${path} on a phone`;
    await page.goto(at(path));
    await page.locator(content).first().waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, path);
    await checkAccessibility(page, `${path} on a phone`);
    step = `checking the size of targets of ${path}`;
    const small = await page.evaluate(() =>
      [...document.querySelectorAll('button, select, input:not([type=checkbox], [type=radio]), nav a, .button')]
        .map((one) => [one.textContent || one.ariaLabel, one.getBoundingClientRect()])
        .filter(([, { width, height }]) => width > 1 && (width < 24 || height < 24))
        .map(([text, { width, height }]) => `${text}: ${width} × ${height}`),
    );
    assert.deepEqual(small, [], path);
  }
  await context.close();
}

async function check() {
  // The server is lost on purpose.
  const context = await open({ isExpected: (text) => step.includes('server') || step.includes('recovery') ? /net::|WebSocket/.test(text) : false });
  page = await context.newPage();
  const failedId = await runsAppearProgressAndFail();
  await aRunIsFollowedAndCancelled();
  await theMatrixFollowsRuns();
  await sameFailuresAreOneGroup();
  await page.goto(at('runs'));
  await page.locator('.rows').hover();
  await theServerIsLostAndComesBack();
  await aSharedAddressShowsTheSame();
  await theKeyboardIsEnough();
  await thousandsOfRowsAreLoaded();
  await context.close();
  await aReaderSeesAllAndCancelsNothing(failedId);
  await allScreensAreAccessible(failedId);
  step = 'checking for unexpected events';
  assert.deepEqual(problems, []);
}

let watchdog;
const timeout = new Promise((_, reject) => {
  watchdog = setTimeout(() => reject(new Error('the test timed out')), TOTAL_TIMEOUT_MS);
});
try {
  await Promise.race([check(), timeout]);
  console.log(`OK: the console works in ${((Date.now() - started) / 1000).toFixed(1)} s`);
} catch (error) {
  console.error(`FAILED while ${step}: ${error.stack}`);
  for (const problem of problems.slice(0, 20)) console.error(`  ${problem}`);
  const folder = await mkdtemp(join(tmpdir(), 'console-check-'));
  await page?.screenshot({ path: join(folder, 'failure.png'), timeout: 5_000 }).then(
    () => console.error(`  screenshot in ${folder}`),
    () => {},
  );
  process.exitCode = 1;
} finally {
  clearTimeout(watchdog);
  await browser.close();
  forwarder.close();
}
