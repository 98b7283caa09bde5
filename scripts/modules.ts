/**
 * Builds the Ansible modules: each file of `src/modules/` becomes one file in `ansible/plugins/modules/` that needs nothing
 * but Node.js 18. Its options are taken from the documentation beside it, `<name>.yml`.
 */
import { chmod, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { load } from 'js-yaml';
import type { Options } from '../src/modules/lib/options.ts';

process.chdir(join(import.meta.dirname, '..'));
const startedAt = performance.now();
const output = 'ansible/plugins/modules';

/**
 * Ansible starts a module with what its first line names. This one is a shell script in its first lines and JavaScript from
 * the second on: it looks for the Node.js of our package, then for that of the distribution. With any certificate for TLS, such
 * as that of ZooKeeper, Node.js reads its own list of authorities first, which takes 27 ms; it does without when it is told to use
 * the system's.
 */
const HEADER = [
  '#!/bin/sh',
  `':' //WANT_JSON; n=/usr/lib/nodepool/bin/node; [ -x $n ] && exec $n --use-openssl-ca "$0" "$@"; for n in node nodejs; do case $("$n" --version 2>/dev/null) in v1[89].*|v[2-9][0-9].*) exec "$n" "$0" "$@" ;; esac; done; printf '{"failed": true, "msg": "Node.js 18 or newer is needed on this host; install the package nodejs or sf-nodepool"}\\n'; exit 1`,
].join('\n');

/** Text files that the code reads at run time, as `src/asset.ts` does, are part of the one file. */
const assets: Plugin = {
  name: 'assets',
  setup(build) {
    build.onLoad({ filter: /src\/asset\.ts$/ }, async () => {
      const paths = (await readdir('src/runc', { recursive: true })).filter((path) =>
        /\.(sh|py)$/.test(path),
      );
      const texts = Object.fromEntries(
        await Promise.all(
          paths.map(async (path) => [`runc/${path}`, await readFile(`src/runc/${path}`, 'utf8')] as const),
        ),
      );
      return {
        contents: `const texts = ${JSON.stringify(texts)}; export const asset = (path) => texts[path];`,
        loader: 'js',
      };
    });
  },
};

const names = (await readdir('src/modules')).flatMap((file) => /^(\w+)\.ts$/.exec(file)?.[1] ?? []);
for (const name of names) await buildModule(name);
console.log(`built modules ${names.join(', ')} in ${Math.round(performance.now() - startedAt)} ms`);

async function buildModule(name: string): Promise<void> {
  const result = await build({
    entryPoints: [`src/modules/${name}.ts`],
    bundle: true,
    write: false,
    platform: 'node',
    // Node.js starts it faster than a module.
    format: 'cjs',
    target: 'node18',
    minifySyntax: true,
    minifyWhitespace: true,
    define: { MODULE_OPTIONS: JSON.stringify(await readOptions(name)) },
    plugins: [assets],
    banner: { js: HEADER },
    logLevel: 'warning',
  });
  const file = `${output}/${name}.cjs`;
  const code = result.outputFiles[0]?.contents ?? new Uint8Array();
  const current = await readFile(file).catch(() => undefined);
  if (current?.equals(code)) return;
  await writeFile(`${file}.new`, code);
  await chmod(`${file}.new`, 0o755);
  await rename(`${file}.new`, file);
}

async function readOptions(name: string): Promise<Options> {
  const text = await readFile(`${output}/${name}.yml`, 'utf8');
  const { DOCUMENTATION } = load(text) as { DOCUMENTATION: { module: string; options: Options } };
  if (DOCUMENTATION.module !== name) {
    throw new Error(`${output}/${name}.yml: module: expected ${name}, found ${DOCUMENTATION.module}`);
  }
  return stripTexts(DOCUMENTATION.options);
}

/** What the check needs, without what people read. */
function stripTexts(options: Options): Options {
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => {
      const { type, required, default: initial, choices, elements, suboptions } = option;
      const inner = suboptions === undefined ? undefined : stripTexts(suboptions);
      return [name, { type, required, default: initial, choices, elements, suboptions: inner }];
    }),
  );
}
