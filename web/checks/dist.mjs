// Checks that the committed dist/ matches the sources: builds into a temporary directory and compares the files, of
// which the compressed forms are decompressed. Run `npm ci` first.
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPages } from '../build.mjs';
import { ENCODINGS, isCompressed } from '../precompress.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Brotli bytes of the console with everything that it loads. */
const MAX_CONSOLE_BYTES = 90_000;

async function readFolder(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return new Map(
    await Promise.all(
      files.map(async (file) => {
        const path = join(file.parentPath, file.name);
        return [relative(folder, path), await readFile(path)];
      }),
    ),
  );
}

/** Returns the differences between a build and the committed files. */
async function compare(built, committed) {
  const plain = [...committed.keys()].filter((name) => !(extname(name) in ENCODINGS));
  const names = [...new Set([...built.keys(), ...plain])].sort();
  const differences = names.flatMap((name) => {
    if (!committed.has(name)) return `missing in dist/: ${name}`;
    if (!built.has(name)) return `unexpected in dist/: ${name}`;
    return built.get(name).equals(committed.get(name)) ? [] : `differs: ${name}`;
  });
  // What zlib and Brotli write depends on their versions; what it stands for does not.
  const expected = plain.filter((name) => isCompressed(name, committed.get(name)));
  for (const name of expected.flatMap((name) => Object.keys(ENCODINGS).map((extension) => name + extension))) {
    const extension = extname(name);
    const content = committed.get(name);
    const original = committed.get(name.slice(0, -extension.length));
    if (content === undefined) differences.push(`missing in dist/: ${name}`);
    else if (!(await ENCODINGS[extension].decompress(content)).equals(original)) differences.push(`differs: ${name}`);
  }
  const forms = committed.size - plain.length;
  if (forms !== 2 * expected.length) differences.push(`dist/ has ${forms} compressed files, not ${2 * expected.length}`);
  return differences;
}

/** Returns the names of the assets that a file refers to, directly or not. */
function assetsOf(name, files, found = new Set()) {
  for (const asset of files.keys()) {
    const base = asset.slice(asset.lastIndexOf('/') + 1);
    if (!asset.startsWith('assets/') || extname(asset) in ENCODINGS || found.has(asset)) continue;
    if (!files.get(name).includes(base)) continue;
    found.add(asset);
    assetsOf(asset, files, found);
  }
  return found;
}

const fresh = await mkdtemp(join(tmpdir(), 'pages-dist-'));
try {
  await buildPages(fresh);
  const committed = await readFolder(join(root, 'dist'));
  const differences = await compare(await readFolder(fresh), committed);

  const assets = [...assetsOf('index.html', committed)];
  const bytes = assets.reduce((sum, name) => sum + (committed.get(`${name}.br`) ?? committed.get(name)).length, 0);
  if (bytes > MAX_CONSOLE_BYTES) differences.push(`the console has ${bytes} bytes, more than ${MAX_CONSOLE_BYTES}`);

  if (differences.length > 0) {
    console.error(`dist/ does not match the sources:\n  ${differences.join('\n  ')}`);
    console.error('Run `npm ci && npm run build` in web/, and commit dist/.');
    process.exitCode = 1;
  } else {
    console.log(`dist/ is up to date: ${committed.size} files; the console has ${bytes} bytes (Brotli).`);
  }
} finally {
  await rm(fresh, { recursive: true, force: true });
}
