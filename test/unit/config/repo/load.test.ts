import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { loadConfig } from '../../../../src/config/load.ts';
import { loadConfigRepo } from '../../../../src/config/repo/load.ts';
import type { MergeHost } from '../../../../src/config/repo/merge.ts';
import { formatWarning } from '../../../../src/config/warnings.ts';
import { ConfigError } from '../../../../src/errors.ts';
import { createFakeDriver } from '../../../../src/fake/driver.ts';
import { createRuncDriver } from '../../../../src/runc/driver.ts';
import { tempDir } from '../../../support/temp.ts';

const ROOT = fileURLToPath(new URL('../../../fixtures/config-repo/', import.meta.url));
const drivers = [createFakeDriver(), createRuncDriver()];
const launchers = ['l1', 'l2'];
const HOSTS: Record<string, MergeHost> = {
  'first-launcher': { hostname: 'l1' },
  'extra-launcher': { hostname: 'l2', extraLauncher: true },
  builder: { hostname: 'b1', builder: true },
};

// With UPDATE_GOLDEN=1 the expected texts are written anew, to be read before they are committed.
for (const name of readdirSync(join(ROOT, 'good'))) {
  for (const [kind, host] of Object.entries(HOSTS)) {
    t.test(`merges the repository "${name}" for the ${kind}, and the result loads`, async (t) => {
      const dir = join(ROOT, 'good', name);
      const { text, warnings } = await loadConfigRepo({ dir, host, drivers, launchers });
      compare(t, text, join(dir, `${kind}.yaml`));
      compare(
        t,
        warnings.map((each) => `${relative(formatWarning(each), dir)}\n`).join(''),
        join(dir, `${kind}.txt`),
      );
      const path = join(tempDir(t), 'nodepool.yaml');
      writeFileSync(path, text);
      await loadConfig({ path, drivers, env: {} });
    });
  }
}

for (const name of readdirSync(join(ROOT, 'bad'))) {
  t.test(`names every mistake of the repository "${name}" with file and line`, async (t) => {
    const dir = join(ROOT, 'bad', name);
    const host = { hostname: 'b1', builder: true };
    const error = await loadConfigRepo({ dir, host, drivers, launchers }).then(
      () => t.fail('it was merged'),
      (reason: unknown) => reason,
    );
    t.ok(error instanceof ConfigError, String(error));
    compare(t, `${relative((error as ConfigError).message, dir)}\n`, join(dir, 'errors.txt'));
  });
}

t.test('a directory that is no config repository is named', async (t) => {
  const dir = tempDir(t);
  await t.rejects(loadConfigRepo({ dir, host: { hostname: 'l1' } }), {
    name: 'ConfigError',
    message: `${dir}/nodepool: expected the directory "nodepool" of a config repository, found no such directory`,
  });
});

t.test('a base at another place is used, and named when it is not there', async (t) => {
  const dir = join(ROOT, 'good', 'operator-page');
  const base = join(tempDir(t), 'base.yaml');
  const host = { hostname: 'l1' };
  await t.rejects(loadConfigRepo({ dir, base, host }), { message: /base\.yaml: .*found no such file/ });
  writeFileSync(base, 'images-dir: /srv/images\n');
  t.match((await loadConfigRepo({ dir, base, host })).text, /^images-dir: \/srv\/images$/m);
});

function relative(text: string, dir: string): string {
  return text.replaceAll(`${dir}/`, '');
}

function compare(t: Test, found: string, golden: string): void {
  if (process.env.UPDATE_GOLDEN) writeFileSync(golden, found);
  t.equal(found, readFileSync(golden, 'utf8'));
}
