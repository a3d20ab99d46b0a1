// Compressed forms of the files in dist/, which are stored beside them, so that the server need not compress.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, brotliDecompress, constants, gunzip, gzip } from 'node:zlib';

/** Smaller files fit into one packet. */
const MIN_BYTES = 1024;
const COMPRESSIBLE = /\.(js|css|svg|ttf|md|txt)$/;

const brotli = (content) =>
  promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } });

/** The encodings by the extensions of their files. */
export const ENCODINGS = {
  '.br': { compress: brotli, decompress: promisify(brotliDecompress) },
  '.gz': { compress: (content) => promisify(gzip)(content, { level: 9 }), decompress: promisify(gunzip) },
};

export const isCompressed = (name, content) => COMPRESSIBLE.test(name) && content.length >= MIN_BYTES;

export async function precompress(dist) {
  const entries = await readdir(dist, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path);
    if (!isCompressed(entry.name, content)) continue;
    await Promise.all(
      Object.entries(ENCODINGS).map(async ([extension, { compress }]) => writeFile(path + extension, await compress(content))),
    );
  }
}
