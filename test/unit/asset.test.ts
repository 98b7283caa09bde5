import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';

type AssetModule = typeof import('../../src/asset.ts');

const source = new URL('../../src/asset.ts', import.meta.url);

t.test('reads beside the source when run from src/', async (t) => {
  const { asset } = await loadFrom(t.testdir({ src: { runc: { 'agent.sh': 'echo here' } } }), 'src');
  t.equal(asset('runc/agent.sh'), 'echo here');
});

t.test('reads from dist/assets/ when bundled into any folder of dist/', async (t) => {
  for (const folder of ['bin', 'chunks']) {
    const dist = { bin: {}, chunks: {}, assets: { runc: { 'agent.sh': 'echo built' } } };
    const { asset } = await loadFrom(t.testdir({ dist }), `dist/${folder}`);
    t.equal(asset('runc/agent.sh'), 'echo built');
  }
});

t.test('names the file and the places when it is in none of them', async (t) => {
  const { asset } = await loadFrom(t.testdir({ src: {} }), 'src');
  t.throws(() => asset('no/such.sh'), { message: /no asset no\/such\.sh; expected it under .*\/src\// });
});

/** The module as it is in `folder` of a tree of its own: it finds assets relative to itself. */
async function loadFrom(tree: string, folder: string): Promise<AssetModule> {
  const path = join(tree, folder, 'asset.ts');
  copyFileSync(source, path);
  return (await import(pathToFileURL(path).href)) as AssetModule;
}
