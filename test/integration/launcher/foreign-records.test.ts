/** Requests and nodes as no Zuul writes them: each ends or is left alone, and whoever asks properly is served all the same. */
import { basename } from 'node:path';
import t from 'tap';
import { layouts } from '../../../src/store/zookeeper/layout.ts';
import { connect } from '../../../src/zookeeper/index.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { FAST_ROUNDS, startTestLauncher } from '../../support/launcher.ts';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { tempDir } from '../../support/temp.ts';

const YAML = fakeConfig({
  providers: { cloud: { pools: { main: { 'max-servers': 3, labels: ['small'] } } } },
});

const requested = { state: 'requested', state_time: 1, node_types: ['small'] };

/** What a request's znode holds, and how it must end; `left` is for those that nobody can answer. */
const REQUESTS: Record<string, [text: string, end: 'fulfilled' | 'failed' | 'left']> = {
  'nothing at all': ['', 'left'],
  'no JSON': ['{"state": "requ', 'left'],
  'a list': ['["small"]', 'left'],
  'a word': ['"requested"', 'left'],
  'binary data': ['\u0000\u0001\ufffd', 'left'],
  'no labels': [JSON.stringify({ ...requested, node_types: [] }), 'fulfilled'],
  'labels missing': [JSON.stringify({ state: 'requested' }), 'fulfilled'],
  'labels that are one word': [JSON.stringify({ ...requested, node_types: 'small' }), 'fulfilled'],
  'labels that are no text': [JSON.stringify({ ...requested, node_types: [7, null, {}] }), 'failed'],
  'an unknown label': [JSON.stringify({ ...requested, node_types: ['small', '../x'] }), 'failed'],
  'more than the pool has': [JSON.stringify({ ...requested, node_types: Array(4).fill('small') }), 'failed'],
  'thousands of nodes': [JSON.stringify({ ...requested, node_types: Array(5000).fill('small') }), 'failed'],
  'an unknown state': [JSON.stringify({ ...requested, state: 'wished' }), 'left'],
  'a state that is no text': [JSON.stringify({ ...requested, state: 3 }), 'left'],
  'a priority that is no number': [JSON.stringify({ ...requested, relative_priority: 'high' }), 'fulfilled'],
  'a priority that is nothing': [JSON.stringify({ ...requested, relative_priority: null }), 'fulfilled'],
  'times that are no numbers': [
    JSON.stringify({ ...requested, state_time: 'now', created_time: [] }),
    'fulfilled',
  ],
  'who declined, as null': [JSON.stringify({ ...requested, declined_by: null, nodes: null }), 'fulfilled'],
  'a provider that is no text': [JSON.stringify({ ...requested, provider: { a: 1 } }), 'fulfilled'],
  'nodes of somebody else': [JSON.stringify({ ...requested, nodes: ['../../x', '0000000000'] }), 'fulfilled'],
  'a tenant that is no text': [JSON.stringify({ ...requested, tenant_name: 5, requestor: [] }), 'fulfilled'],
  'a foreign key': [
    JSON.stringify({ ...requested, __proto__: 1, constructor: 'x', weather: 'fine' }),
    'fulfilled',
  ],
};

const NODES: Record<string, string> = {
  'nothing at all': '',
  'a list': '[]',
  'no JSON': 'ready',
  'an unknown state': JSON.stringify({ state: 'resting', provider: 'cloud', pool: 'main', type: ['small'] }),
  'a type that is a number': JSON.stringify({ state: 'ready', provider: 'cloud', pool: 'main', type: 5 }),
  'a provider that is a list': JSON.stringify({ state: 'ready', provider: ['cloud'], type: ['small'] }),
  'resources that are text': JSON.stringify({
    state: 'in-use',
    provider: 'cloud',
    pool: 'main',
    resources: 'many',
  }),
};

t.test('records as no Zuul writes them', { skip: zookeeperMissing() }, async (t) => {
  const zk = await startZooKeeper();
  t.teardown(zk.stop);
  process.env['TEST_ZOOKEEPER'] = String(zk.servers[0].port);
  const dir = tempDir(t);
  const servers = [{ host: '127.0.0.1', port: zk.servers[0].port }];
  const other = await connect({ servers, chroot: `/${basename(dir)}` });
  t.teardown(() => other.close());
  const test = await startTestLauncher(t, YAML, { dir, rounds: FAST_ROUNDS });
  const serveOne = async () => {
    const { id } = await test.fulfilled(['small']);
    await (await test.use(id)).finish();
  };
  /** The record as it is stored. */
  const read = async (path: string) => (await other.getData(path)).data.toString();

  for (const [what, [text, end]] of Object.entries(REQUESTS)) {
    t.test(`a request with ${what}: ${end}`, async (t) => {
      const path = layouts.requests.recordPath('100-');
      const { path: name } = await other.createWithParents(path, text, { sequential: true, ephemeral: true });
      const id = layouts.requests.idOf(name) as string;
      if (end === 'left') {
        await serveOne();
        await serveOne();
        t.equal(await read(name), text);
      } else {
        t.equal((await test.outcome(id)).value.state, end);
        const { nodes } = JSON.parse(await read(name)) as { nodes: string[] };
        if (end === 'failed') t.strictSame(nodes, []);
      }
      await other.delete(name);
      await serveOne();
    });
  }

  for (const [what, text] of Object.entries(NODES)) {
    t.test(`a node with ${what} is in nobody's way`, async () => {
      const path = layouts.nodes.recordPath('');
      const { path: name } = await other.createWithParents(`${path}0`, text, { sequential: true });
      await serveOne();
      await serveOne();
      await other.deleteRecursive(name);
    });
  }

  t.test('nothing is left', async (t) => {
    await test.wait(() => test.inState('in-use').length === 0 && test.inState('building').length === 0);
    await test.wait(() => test.decisions.entries.size === 0);
    const errors = test.logged.filter(({ level }) => level === 'error').map(({ message }) => message);
    t.same([...new Set(errors)], ['request failed: every pool has declined it']);
  });
});
