// Checks that the committed dist/ matches the sources: builds into a temporary
// directory and compares the files. Run `npm ci` first.
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));

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

const fresh = await mkdtemp(join(tmpdir(), 'explorer-dist-'));
try {
  await build({ root, logLevel: 'warn', build: { outDir: fresh, emptyOutDir: true } });
  const built = await readFolder(fresh);
  const committed = await readFolder(join(root, 'dist'));

  const names = [...new Set([...built.keys(), ...committed.keys()])].sort();
  const differences = names.flatMap((name) => {
    if (!committed.has(name)) return `missing in dist/: ${name}`;
    if (!built.has(name)) return `unexpected in dist/: ${name}`;
    return built.get(name).equals(committed.get(name)) ? [] : `differs: ${name}`;
  });

  if (differences.length > 0) {
    console.error(`dist/ does not match the sources:\n  ${differences.join('\n  ')}`);
    console.error('Run `npm ci && npm run build` in web/, and commit dist/.');
    process.exitCode = 1;
  } else {
    console.log(`dist/ is up to date: ${names.length} files are identical.`);
  }
} finally {
  await rm(fresh, { recursive: true, force: true });
}
