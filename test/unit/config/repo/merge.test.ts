import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { parse } from '../../../../src/config/document.ts';
import { dumpYaml } from '../../../../src/config/repo/dump.ts';
import { loadConfigRepo } from '../../../../src/config/repo/load.ts';
import { mergeDocuments } from '../../../../src/config/repo/merge.ts';
import { makeSource } from '../../../../src/config/source.ts';
import { tempDir } from '../../../support/temp.ts';

const document = (text: string, file = 'f.yaml') => parse(makeSource(file, text, {}));

t.test('the order in which files were made does not change the result', async (t) => {
  const files = {
    'b.yaml': 'b',
    'a.yml': 'a',
    '_local.yaml': 'l',
    'Z.yaml': 'z',
    '10.yaml': 't',
    '9.yaml': 'n',
  };
  const results = await Promise.all(
    [Object.entries(files), Object.entries(files).reverse()].map(async (entries) => {
      const dir = tempDir(t);
      mkdirSync(join(dir, 'nodepool'));
      for (const [name, label] of entries) {
        writeFileSync(join(dir, 'nodepool', name), `labels: [{name: ${label}}]\n`);
      }
      return (await loadConfigRepo({ dir, host: { hostname: 'l1' } })).text;
    }),
  );
  t.equal(results[0], results[1]);
  t.same(
    [...results[0]!.matchAll(/name: (\w)/g)].map(([, name]) => name),
    ['t', 'n', 'z', 'l', 'a', 'b'],
    'files follow each other by the bytes of their names',
  );
});

t.test('what is written is read as the same value', (t) => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom(
      'yes',
      'off',
      '0755',
      '08',
      '12:30',
      '1e3',
      '~',
      '*x',
      '- a',
      'a: b',
      '#',
      '',
      ' x ',
      '%(NODEPOOL_X)',
    ),
  );
  const leaf = fc.oneof(text, fc.integer(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(null));
  const key = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('value')),
      fc.dictionary(key, tie('value'), { noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(key, value, { noNullPrototype: true }), (whole) => {
      const again = document(dumpYaml(whole));
      t.same(again.problems, []);
      const normal = (any: unknown) => JSON.stringify(any, sortKeys);
      return normal(again.value) === normal(whole);
    }),
  );
  t.end();
});

t.test('each launcher has its own providers, and all of them every label', (t) => {
  const bound = fc.constantFrom(undefined, null, 'l1', 'l2', 'l3');
  fc.assert(
    fc.property(fc.array(bound, { maxLength: 6 }), (hosts) => {
      const providers = hosts.map((host, index) => ({
        name: `p${index}`,
        driver: 'fake',
        ...(host === undefined ? {} : { 'launcher-host': host }),
      }));
      const file = document(dumpYaml({ labels: [{ name: 'a' }], providers }));
      const servedBy = (hostname: string, extraLauncher: boolean) => {
        const { value } = mergeDocuments(document('{}'), [file], { hostname, extraLauncher }).document;
        const merged = value as { labels: unknown[]; providers: { name: string }[] };
        t.equal(merged.labels.length, 1);
        t.notOk(JSON.stringify(merged).includes('launcher-host'));
        return merged.providers.map(({ name }) => name);
      };
      const served = [servedBy('l1', false), servedBy('l2', true), servedBy('l3', true)].flat();
      return served.length === providers.length && new Set(served).size === providers.length;
    }),
    { numRuns: 50 },
  );
  t.end();
});

t.test('merging leaves the documents as they were', async (t) => {
  const file = document(
    'diskimages: [{name: a, env-vars: {N: 1}}]\nproviders: [{name: p, launcher-host: l1}]\n',
  );
  const before = JSON.stringify(file.value);
  mergeDocuments(document('{}'), [file], { hostname: 'l1' });
  t.equal(JSON.stringify(file.value), before);
});

t.test('an image with a parent keeps the user of its parent', async (t) => {
  const file = document('diskimages: [{name: a, username: admin}, {name: b, parent: a}, {name: c}]');
  const { value } = mergeDocuments(document('{}'), [file], { hostname: 'l1' }).document;
  t.match(value, {
    diskimages: [{ username: 'admin' }, { username: undefined }, { username: 'zuul-worker' }],
  });
});

function sortKeys(_key: string, value: unknown): unknown {
  if (Object.is(value, -0)) return 0;
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
