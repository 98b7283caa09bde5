import t from 'tap';
import { systemClock } from '../../../src/clock.ts';
import { boundCopy } from '../../../src/metrics/bound-copy.ts';
import { makeBuild, makeUpload } from '../../../src/model/image.ts';
import { makeNode } from '../../../src/model/node.ts';
import { makeRequest } from '../../../src/model/request.ts';
import { openCli } from '../../support/cli.ts';

const BUILD = `debian/${'a'.repeat(32)}`;
const clock = { ...systemClock, nowMs: () => 1_000_000_000 };

async function openFull(t: Parameters<typeof openCli>[0]) {
  const cli = await openCli(t, { clock });
  const { nodes, requests, builds, uploads } = cli.store;
  await nodes.create(makeNode({ state: 'ready', provider: 'farm', type: ['debian'] }));
  await requests.create(makeRequest({ nodeTypes: ['debian'], requestor: 'zuul', stateTimeS: 1 }));
  await builds.create(makeBuild({ state: 'ready', stateTimeS: 1 }), { id: BUILD });
  await uploads.create(makeUpload({ state: 'ready', stateTimeS: 1 }), { prefix: `${BUILD}/cloud/` });
  return cli;
}

const LISTS = [
  ['nodes', 'Nodes', ['list']],
  ['requests', 'Requests', ['request-list']],
  ['builds', 'Builds', ['dib-image-list']],
  ['images', 'Images', ['image-list']],
] as const;

t.test('overview shows each list as its own command does, below its name', async (t) => {
  const { run } = await openFull(t);
  const parts = await Promise.all(
    LISTS.map(async ([, heading, verb]) => `${heading}:\n${(await run(verb)).stdout}`),
  );
  t.same(await run(['overview']), { code: 0, stdout: parts.join('\n'), stderr: '' });
  t.equal((await run(['overview', 'images', 'nodes'])).stdout, `${parts[3]}\n${parts[0]}`);
});

t.test('overview as JSON has each list under its name, with the keys of its own command', async (t) => {
  const { run } = await openFull(t);
  const all = JSON.parse((await run(['overview', '--format', 'json'])).stdout) as Record<string, unknown>;
  t.same(
    Object.keys(all),
    LISTS.map(([name]) => name),
  );
  for (const [name, , verb] of LISTS) {
    t.same(all[name], JSON.parse((await run([...verb, '--format', 'json'])).stdout), name);
    t.same(JSON.parse((await run(['overview', name, '--format', 'json'])).stdout), { [name]: all[name] });
  }
});

t.test('nodes are read once, for the table, what stands below it and the requests', async (t) => {
  const { store, run } = await openFull(t);
  let reads = 0;
  const nodes = boundCopy(store.nodes);
  const counted = (read: 'list' | 'listAll') => () => {
    reads += 1;
    return store.nodes[read]();
  };
  Object.assign(nodes, { list: counted('list'), listAll: counted('listAll') });
  const openStore = () => Promise.resolve({ ...store, nodes, close: () => Promise.resolve() });
  const { run: look } = await openCli(t, { clock, openStore });
  for (const verb of ['list', 'overview']) {
    reads = 0;
    t.same(await look([verb]), await run([verb]));
    t.equal(reads, 1, verb);
  }
});

t.test('overview says on stderr what is not well, for people alone', async (t) => {
  const { store, run } = await openFull(t);
  await store.pools.create(
    {
      provider: 'cloud-a',
      pool: 'main',
      launcherId: 'l1',
      driver: 'openstack',
      labels: ['vm'],
      unhealthy: 'cannot authenticate',
      unready: {},
      paused: null,
      draining: false,
      launching: 0,
      used: {},
      limits: {},
      lastError: null,
      lastErrorTimeS: null,
      unknown: {},
    },
    { ephemeral: true },
  );
  const stderr = 'nodepool: provider cloud-a is unhealthy: cannot authenticate\n';
  t.match(await run(['overview']), { code: 0, stderr });
  t.match(await run(['overview', '--format', 'json']), { code: 0, stderr: '' });
});

t.test('overview refuses a list that there is not', async (t) => {
  const { run } = await openCli(t);
  t.same(await run(['overview', 'nodes', 'weather']), {
    code: 2,
    stdout: '',
    stderr: 'nodepool: expected nodes, requests, builds, images, found "weather"\n',
  });
});
