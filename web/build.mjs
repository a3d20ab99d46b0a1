// Builds the pages. Each has a build of its own, so that a change of the console leaves the large files of GraphiQL,
// which are committed, as they are.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';
import { precompress } from './precompress.mjs';

const root = import.meta.dirname;

/** The pages, with the files for the licences of what they contain. GraphiQL derives icon titles from function names. */
const PAGES = [
  { name: 'console', page: 'index.html', licenses: 'LICENSES-CONSOLE.md', keepNames: false },
  { name: 'graphiql', page: 'graphiql.html', licenses: 'LICENSES.md', keepNames: true },
];

/** Writes the pages and their files into an empty folder. */
export async function buildPages(outDir, logLevel = 'warn') {
  await rm(outDir, { recursive: true, force: true });
  for (const { name, page, licenses, keepNames } of PAGES) {
    await build({
      root,
      logLevel,
      build: {
        outDir,
        emptyOutDir: false,
        license: { fileName: licenses },
        rolldownOptions: { input: { [name]: join(root, page) }, output: { keepNames } },
      },
    });
  }
}

if (process.argv[1] === import.meta.filename) {
  const dist = join(root, 'dist');
  await buildPages(dist, 'info');
  await precompress(dist);
}
