/**
 * Builds `dist/`: one file per command in `dist/bin/`, code they share in `dist/chunks/`, text files in
 * `dist/assets/`, the page of the web application in `dist/page/`. Dependencies are bundled, because hundreds of small modules would dominate the start-up time of a
 * command; only lmdb stays outside, it loads a native part from its own package. `nodepool`, for which
 * people wait, is made to start still faster.
 *
 * The new tree replaces the old one by renaming, so a failed build leaves the last good one in place; a tree that is the
 * same as the old one does not, so programs that start meanwhile find theirs.
 */
import { chmod, cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build, type BuildFailure } from 'esbuild';
import { writeCodeCache } from './code-cache.ts';
import { bundleFastStart } from './fast-start.ts';

process.chdir(join(import.meta.dirname, '..'));
const startedAt = performance.now();
/** People wait for this one. */
const interactive = 'nodepool';
// cpu-features and *.node are optional accelerators of ssh2, not installed here: it uses node:crypto.
const external = ['lmdb', 'cpu-features', '*.node'];
const fresh = `dist.new-${process.pid}`;
const stale = `dist.old-${process.pid}`;

try {
  const commands = await findCommands();
  await bundle(commands);
  await copyAssets();
  await bundlePage();
  await writeCodeCache(interactive, `${fresh}/bin`);
  if (!(await isCurrent())) await swapIn();
  console.log(`built ${commands.join(', ')} in ${Math.round(performance.now() - startedAt)} ms`);
} catch (error) {
  if (!isReported(error)) throw error;
  process.exitCode = 1;
} finally {
  await rm(fresh, { recursive: true, force: true });
  await rm(stale, { recursive: true, force: true });
}

/** `nodepool`, `nodepool-launcher`, ...; other files in `src/bin/` are parts of these. */
async function findCommands(): Promise<string[]> {
  const names = await readdir('src/bin');
  return names.flatMap((name) => /^(sfconfig|nodepool(?:-[a-z]+)?)\.ts$/.exec(name)?.[1] ?? []);
}

async function bundle(commands: string[]): Promise<void> {
  await build({
    entryPoints: commands
      .filter((command) => command !== interactive)
      .map((command) => `src/bin/${command}.ts`),
    outdir: fresh,
    outbase: 'src',
    bundle: true,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external,
    // CommonJS packages inside the bundle still use require() for Node.js built-ins, and __dirname.
    banner: {
      js: [
        "import { createRequire as createBundleRequire } from 'node:module';",
        'const require = createBundleRequire(import.meta.url);',
        'const __dirname = import.meta.dirname;',
      ].join('\n'),
    },
    logLevel: 'warning',
  });
  await bundleFastStart(interactive, `${fresh}/bin`, external);
  for (const command of commands)
    await makeExecutable(`${fresh}/bin/${command}.${command === interactive ? 'cjs' : 'js'}`);
}

async function makeExecutable(path: string): Promise<void> {
  const code = await readFile(path, 'utf8');
  if (!code.startsWith('#!')) await writeFile(path, `#!/usr/bin/env node\n${code}`);
  await chmod(path, 0o755);
}

/** See `src/asset.ts`, which finds them again. */
async function copyAssets(): Promise<void> {
  for (const path of await readdir('src', { recursive: true })) {
    if (/\.(sh|py|json)$/.test(path) && !path.endsWith('tsconfig.json'))
      await cp(`src/${path}`, `${fresh}/assets/${path}`);
  }
}

/** For browsers: small, and compressed once and for all. */
async function bundlePage(): Promise<void> {
  await build({
    entryPoints: ['src/web/page/main.tsx'],
    outdir: `${fresh}/page`,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'warning',
  });
  for (const name of ['index.html', 'icon.svg']) await cp(`src/web/page/${name}`, `${fresh}/page/${name}`);
  for (const name of await readdir(`${fresh}/page`)) {
    const bytes = await readFile(`${fresh}/page/${name}`);
    await writeFile(`${fresh}/page/${name}.br`, brotliCompressSync(bytes));
    await writeFile(`${fresh}/page/${name}.gz`, gzipSync(bytes, { level: 9 }));
  }
}

async function isCurrent(): Promise<boolean> {
  const [ours, theirs] = await Promise.all([filesIn(fresh), filesIn('dist').catch(() => [])]);
  if (ours.join('\n') !== theirs.join('\n')) return false;
  const same = await Promise.all(
    ours.map(async (path) => (await readFile(`${fresh}/${path}`)).equals(await readFile(`dist/${path}`))),
  );
  return !same.includes(false);
}

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  // The code cache is another one each time it is written.
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.cache'));
  return files.map(({ parentPath, name }) => relative(directory, join(parentPath, name))).sort();
}

async function swapIn(): Promise<void> {
  await rename('dist', stale).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(fresh, 'dist');
}

/** esbuild prints mistakes in the code itself, with their place. */
function isReported(error: unknown): boolean {
  return Array.isArray((error as Partial<BuildFailure> | undefined)?.errors);
}
