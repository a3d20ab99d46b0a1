// Tests signing in at an issuer in a browser:
//
//   node checks/sign-in.mjs http://127.0.0.1:8080/ https://ISSUER
//
// The issuer signs in without a question, as a person with the scope `read`.
import assert from 'node:assert/strict';
import { launch, openContext } from './browser.mjs';

const base = new URL(process.argv[2].replace(/\/?$/, '/'));
const issuer = new URL(process.argv[3]);
const problems = [];
const browser = await launch(base.hostname);
try {
  const context = await openContext(browser, base, problems, {
    hosts: [issuer.host],
    // Before signing in, requests are not authenticated.
    isExpected: (text) => /401|WebSocket/.test(text),
  });
  const page = await context.newPage();
  await page.goto(new URL('runs', base).href);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: `Sign in at ${issuer.host}` }).click();
  await page.getByText('You may read, but not report, cancel, delete.').waitFor();
  await page.locator('.facts').getByText('Ada Lovelace').waitFor();
  await page.locator('.connection.live').waitFor();
  assert.equal(page.url(), new URL('access', base).href, 'the code is not kept in the address');
  await page.getByRole('link', { name: 'Runs', exact: true }).click();
  await page.getByText('No run has been reported yet').waitFor();

  // A code of a sign-in that this tab has not begun is not exchanged.
  await page.goto(new URL('access?code=code-0&state=forged', base).href);
  await page.getByRole('alert').getByText('This sign-in was not begun in this tab').waitFor();

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are not signed in, and may see nothing here.').waitFor();
  assert.deepEqual(problems, []);
  console.log('OK: people sign in at the issuer');
} catch (error) {
  console.error(error, problems);
  process.exitCode = 1;
} finally {
  await browser.close();
}
