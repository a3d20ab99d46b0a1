// Tests the pages below a path, behind a proxy, in a browser:
//
//   node checks/below-path.mjs https://sync.example.com/sync/
import assert from 'node:assert/strict';
import { launch, openContext } from './browser.mjs';
import { createRun } from './server.mjs';

const base = new URL(process.argv[2].replace(/\/?$/, '/'));
const problems = [];
const browser = await launch(base.hostname);
try {
  const context = await openContext(browser, base, problems);
  const page = await context.newPage();
  const id = await createRun(base);
  await page.goto(base.href);
  await page.locator('.connection.live').waitFor();
  await page.getByRole('link', { name: 'Runs', exact: true }).click();
  await page.locator(`.rows a[href="${base.pathname}runs/${id}"]`).click();
  await page.getByRole('heading', { name: 'Stock from API · running' }).waitFor();
  assert.equal(page.url(), new URL(`runs/${id}`, base).href);
  await page.reload();
  await page.getByRole('heading', { name: 'Stock from API · running' }).waitFor();

  const introspection = page.waitForResponse((response) => response.url() === new URL('graphql', base).href && response.ok());
  await page.getByRole('link', { name: 'GraphiQL' }).click();
  await introspection;
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
  assert.deepEqual(problems, []);
  console.log(`OK: the pages work below ${base.pathname}`);
} catch (error) {
  console.error(error, problems);
  process.exitCode = 1;
} finally {
  await browser.close();
}
