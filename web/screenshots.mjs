// Takes the pictures of docs/console/ from a running server whose database has runs:
//
//   node screenshots.mjs http://127.0.0.1:8080/ [folder]
//
// Reduce their colours afterwards: pngquant --ext .png --force ../docs/console/*.png
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { launch, openContext } from './checks/browser.mjs';
import { execute } from './checks/server.mjs';

const base = new URL(process.argv[2].replace(/\/?$/, '/'));
const folder = process.argv[3] ?? join(import.meta.dirname, '../docs/console');

const failed = await execute(base, '{ syncRuns(filter: { status: FAILED, source: AS400 }, first: 1) { nodes { id } } }');
const SCREENS = [
  ['freshness', '', '.cell .sparkline g'],
  ['runs', 'runs', '.rows .row'],
  ['run', `runs/${failed.syncRuns.nodes[0].id}`, '.facts'],
  ['failures', 'failures', '.failures li'],
  ['statistics', 'statistics', '.charts canvas'],
  ['access', 'access', '.scopes'],
];
const LOOKS = [
  ['light', { colorScheme: 'light', viewport: { width: 1200, height: 760 } }],
  ['dark', { colorScheme: 'dark', viewport: { width: 1200, height: 760 } }],
  ['phone', { colorScheme: 'light', viewport: { width: 390, height: 844 } }],
];

await mkdir(folder, { recursive: true });
const browser = await launch(base.hostname);
const problems = [];
for (const [look, options] of LOOKS) {
  const page = await (await openContext(browser, base, problems, options)).newPage();
  for (const [name, path, content] of SCREENS) {
    await page.goto(new URL(path, base).href);
    await page.locator(content).first().waitFor();
    await page.locator('.connection.live').waitFor();
    await page.waitForTimeout(700);
    await page.screenshot({ path: join(folder, `${name}-${look}.png`) });
  }
}
await browser.close();
if (problems.length > 0) console.log(problems);
