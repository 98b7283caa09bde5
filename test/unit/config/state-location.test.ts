import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadStateLocation } from '../../../src/config/state-location.ts';
import { fixture } from './fixtures.ts';

async function locate(t: Test, text: string): Promise<unknown> {
  const folder = t.testdir({ 'nodepool.yaml': text });
  try {
    return await loadStateLocation({ path: join(folder, 'nodepool.yaml'), env: { NODEPOOL_DIR: '/env' } });
  } catch (error) {
    return (error as Error).message.replaceAll(`${folder}/`, '');
  }
}

const cases: [title: string, text: string, expected: unknown][] = [
  ['uses the default without a word about it', 'labels: []\n', { stateDir: '/var/lib/nodepool/state' }],
  ['substitutes the environment', 'state-dir: "%(NODEPOOL_DIR)"\n', { stateDir: '/env' }],
  ['is not stopped by syntax errors in other sections', 'labels: [1, 2\nstate-dir: /a\n', { stateDir: '/a' }],
  ['ignores mistakes elsewhere', 'labels: {a: 1}\nfoo: bar\nstate-dir: /a\n', { stateDir: '/a' }],
  ['accepts the flow style', '{state-dir: /a, labels: []}\n', { stateDir: '/a' }],
  ['accepts quoted keys and document marks', '---\n"state-dir": /a\n', { stateDir: '/a' }],
  ['follows anchors of other sections', 'x-d: &d /a\nstate-dir: *d\n', { stateDir: '/a' }],
  ['is not confused by a list at the margin', 'labels:\n- name: a\nstate-dir: /a\n', { stateDir: '/a' }],
  ['is not confused by text blocks', 'x-text: |\n  state-dir: /b\nstate-dir: /a\n', { stateDir: '/a' }],
  [
    'names the line of a mistake',
    'labels: []\n\nstate-dir: a\n',
    'nodepool.yaml:3: state-dir: expected an absolute path, found "a"',
  ],
  ['refuses an empty file', '# nothing\n', 'nodepool.yaml: expected a mapping of options, found nothing'],
  [
    'finds a repeated key',
    'state-dir: /a\nlabels: []\nstate-dir: /b\n',
    /^nodepool.yaml:3: state-dir: expected each key once/,
  ],
];

for (const [title, text, expected] of cases) {
  t.test(title, async (t) => {
    t.match(await locate(t, text), expected);
  });
}

t.test('names every mistake about ZooKeeper', async (t) => {
  await t.rejects(loadStateLocation(fixture('bad', 'zookeeper')), {
    name: 'ConfigError',
    problems: { length: 12 },
  });
});

t.test('says which file cannot be read', async (t) => {
  const folder = t.testdir({ 'nodepool.yaml': '' });
  const missing = { path: join(folder, 'nowhere.yaml'), securePath: folder, env: {} };
  await t.rejects(loadStateLocation(missing), {
    message: `${folder}/nowhere.yaml: expected a readable configuration file, found no such file\n${folder}: expected a readable configuration file, found a directory`,
  });
});
