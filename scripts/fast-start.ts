/**
 * Makes a command start fast: one script instead of dozens of modules, and beside it the machine code that V8 made of it
 * (its code cache), so that nothing is compiled again. Node.js 22 has this built in, 20 does not. The cache belongs to
 * one version of Node.js; another one compiles the script as usual.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

/** Bundles `src/bin/<command>.ts` to `<directory>/<command>.js`, which takes its code from the `.cjs` beside it. */
export async function bundleFastStart(command: string, directory: string, external: string[]): Promise<void> {
  await build({
    entryPoints: [`src/bin/${command}.ts`],
    outfile: join(directory, `${command}.cjs`),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external,
    // A script cannot import; parts that are loaded when they are needed still are.
    supported: { 'dynamic-import': false },
    // Reading it is part of the start: little text, and ASCII alone, which needs no decoding.
    minifyWhitespace: true,
    charset: 'ascii',
    define: { 'import.meta.url': 'bundleUrl' },
    banner: {
      js: [
        '(function (require, __filename, __dirname, module, exports) {',
        "const bundleUrl = require('node:url').pathToFileURL(__filename).href;",
      ].join('\n'),
    },
    footer: { js: '})' },
    logLevel: 'warning',
  });
  await writeFile(join(directory, `${command}.js`), starterOf(command));
}

const starterOf = (command: string) => `#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';

const filename = join(import.meta.dirname, '${command}.cjs');
let cachedData;
try {
  cachedData = readFileSync(filename + '.cache');
} catch {
  // It only starts more slowly.
}
const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData });
const module = { exports: {} };
script.runInThisContext()(createRequire(filename), filename, import.meta.dirname, module, module.exports);
`;

/** What people wait for: each is run, and what V8 has compiled by the end of the last one is kept. */
const WARMED_UP = [['list'], ['overview'], ['image-build', 'debian']];

export async function writeCodeCache(command: string, directory: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'nodepool-build-'));
  try {
    const config = join(work, 'nodepool.yaml');
    await writeFile(config, `state-dir: ${work}/state\ndiskimages: [{name: debian, formats: [raw]}]\n`);
    const filename = join(process.cwd(), directory, `${command}.cjs`);
    for (const words of WARMED_UP)
      await promisify(execFile)(process.execPath, ['-e', CACHE_WRITER, filename, '-c', config, ...words]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const CACHE_WRITER = `
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname } = require('node:path');
const filename = process.argv[1];
const cache = filename + '.cache';
const cachedData = existsSync(cache) ? readFileSync(cache) : undefined;
const script = new (require('node:vm').Script)(readFileSync(filename, 'latin1'), { filename, cachedData });
process.on('exit', () => writeFileSync(cache, script.createCachedData()));
const own = { exports: {} };
script.runInThisContext()(createRequire(filename), filename, dirname(filename), own, own.exports);
`;
