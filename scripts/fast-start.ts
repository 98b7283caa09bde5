/**
 * Makes a command start fast: one script instead of dozens of modules, and beside it the machine code that V8 made of it
 * (its code cache), so that nothing is compiled again. Node.js 22 has this built in, 20 does not. The cache belongs to
 * one version of Node.js; another one compiles the script as usual.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** Large, and needed by few verbs: each is a file of its own. */
const PACKAGES_APART = ['ssh2', 'undici'];

/**
 * Makes `src/bin/program.ts` to `<command>.script` in the directory, and beside it `<command>.cjs`, which loads it: the
 * program, and a module for other programs of the same Node.js, which get their answers so without starting one.
 */
export async function bundleFastStart(command: string, directory: string, external: string[]): Promise<void> {
  await build({
    entryPoints: ['src/bin/program.ts'],
    outfile: join(directory, `${command}.script`),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external,
    plugins: [leaveApart],
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
  await build({
    entryPoints: PACKAGES_APART,
    outdir: directory,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external,
    minifyWhitespace: true,
    logLevel: 'warning',
  });
  await writeFile(join(directory, `${command}.cjs`), loaderOf(command));
}

const leaveApart: Plugin = {
  name: 'leave apart',
  setup({ onResolve }) {
    const filter = new RegExp(`^(${PACKAGES_APART.join('|')})$`);
    onResolve({ filter }, ({ path }) => ({ path: `./${path}.cjs`, external: true }));
  },
};

/** CommonJS, which Node.js loads faster than a module. */
const loaderOf = (command: string) => `#!/usr/bin/env node
/** answer(words) runs a command line in the process of whoever asks, and tells what it prints. */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

const filename = join(__dirname, '${command}.script');
let cachedData;
try {
  cachedData = readFileSync(filename + '.cache');
} catch {
  // It only starts more slowly.
}
const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData });
script.runInThisContext()(require, filename, __dirname, module, exports);
if (require.main === module) module.exports.start();
`;
