import t from 'tap';
import { readHosts } from '../../../src/static/options.ts';
import { staticDriver } from '../../../src/static/driver.ts';
import { providerConfig, schemaMistakes } from '../../support/provider-config.ts';
import { makeKey } from '../../support/ssh-keys.ts';

const key = makeKey().public;

function config(pool: Record<string, unknown>, ...more: Record<string, unknown>[]) {
  const pools = [pool, ...more].map((each, index) => ({ name: `pool-${index}`, ...each }));
  return providerConfig(staticDriver, { name: 'machines', pools });
}

function hosts(pool: Record<string, unknown>) {
  return [...config(pool).pools.values()].flatMap(readHosts);
}

function problems(...pools: Record<string, unknown>[]): string[] {
  const found: string[] = [];
  const [first = {}, ...more] = pools;
  staticDriver.check?.(config(first, ...more), (...problem) => found.push(problem.join(' | ')), []);
  return found;
}

t.test('fills in what a host does not say', (t) => {
  t.same(hosts({ nodes: [{ name: 'web1', labels: 'small' }] }), [
    {
      name: 'web1',
      labels: ['small'],
      username: 'zuul',
      port: 22,
      timeoutMs: 5000,
      hostKeyChecking: true,
      hostKeys: [],
      connectionType: 'ssh',
      shellType: undefined,
      pythonPath: 'auto',
      maxParallelJobs: 1,
    },
  ]);
  t.end();
});

t.test('the port follows the connection type, and ssh-port is understood', (t) => {
  const ports = hosts({
    nodes: [
      { name: 'a', labels: 'x', 'connection-type': 'winrm' },
      { name: 'b', labels: 'x', 'connection-type': 'winrm', 'connection-port': 5985 },
      { name: 'c', labels: 'x', 'connection-type': 'network_cli' },
      { name: 'd', labels: 'x', 'ssh-port': 2022 },
    ],
  }).map(({ port }) => port);
  t.same(ports, [5986, 5985, 22, 2022]);
  t.end();
});

t.test('labels are the same as a list and as a text with blanks', (t) => {
  const nodes = [
    { name: 'a', labels: ['small', 'big'] },
    { name: 'b', labels: ' small  big ' },
  ];
  t.same(
    hosts({ nodes }).map(({ labels }) => labels),
    [
      ['small', 'big'],
      ['small', 'big'],
    ],
  );
  t.end();
});

t.test('host-key-checking of the pool counts where a host has none of its own', (t) => {
  const nodes = [
    { name: 'a', labels: 'x' },
    { name: 'b', labels: 'x', 'host-key-checking': true },
  ];
  const checking = (pool: Record<string, unknown>) =>
    hosts(pool).map(({ hostKeyChecking }) => hostKeyChecking);
  t.same(checking({ nodes }), [true, true]);
  t.same(checking({ nodes, 'host-key-checking': false }), [false, true]);
  t.end();
});

t.test('each slot of a host is a node of its own', (t) => {
  const section = config({ nodes: [{ name: 'web1', labels: 'x', username: 'ci', 'max-parallel-jobs': 2 }] });
  const deps = { log: undefined as never, clock: undefined as never, onChange: () => undefined };
  const slots = staticDriver.open(section, deps).inventory?.slots();
  t.match(slots, [
    { key: 'ci@web1:22#0', slot: 0, labels: ['x'] },
    { key: 'ci@web1:22#1', slot: 1, labels: ['x'] },
  ]);
  t.end();
});

t.test('a host may appear again as another user or on another port, but not the same twice', (t) => {
  const node = { name: 'web1', labels: 'x' };
  t.same(problems({ nodes: [node, { ...node, username: 'ci' }, { ...node, 'connection-port': 2022 }] }), []);
  t.same(
    problems(
      { nodes: [{ ...node, 'connection-port': 22 }] },
      { nodes: [{ name: 'db1', labels: 'x' }, node] },
    ),
    ['pools[1].nodes[1] | each host, user and port once | zuul@web1:22 again (first at pools[0].nodes[0])'],
  );
  t.end();
});

t.test('a host in another provider is the same host', (t) => {
  const nodes = [{ name: 'web1', labels: 'x' }];
  const found: string[] = [];
  const earlier = [config({ nodes })];
  staticDriver.check?.(config({ nodes }), (...problem) => found.push(problem.join(' | ')), earlier);
  t.same(found, [
    'pools[0].nodes[0] | each host, user and port once | zuul@web1:22 again (first in provider "machines")',
  ]);
  t.end();
});

t.test('the name of a host must be one that can be looked up', (t) => {
  const named = (name: string) => problems({ nodes: [{ name, labels: 'x' }] });
  for (const name of ['web1', 'web1.example.com.', '10.0.0.1', '::1', '[fe80::1%eth0]', 'büro']) {
    t.same(named(name), [], name);
  }
  for (const name of ['web 1', '-oProxyCommand=x', 'zuul@web1', 'web1:22', 'web1;id', 'a/b', '.']) {
    t.same(named(name), [`pools[0].nodes[0].name | a host name or address | "${name}"`], name);
  }
  t.end();
});

t.test('reports labels, keys and ports that cannot be meant', (t) => {
  const nodes = [
    { name: 'a', labels: [], 'host-key': `${key} comment` },
    { name: 'b', labels: 'x', 'host-key': [key, `web1 ${key}`] },
    { name: 'c', labels: 'x', 'host-key': 'ssh-rsa', 'ssh-port': 22, 'connection-port': 2022 },
    { name: 'd', labels: 'x', 'ssh-port': 22, 'connection-port': 22 },
  ];
  t.match(problems({ nodes }), [
    'pools[0].nodes[0].labels | at least one label | none',
    /^pools\[0\]\.nodes\[1\]\.host-key\[1\] \| a host key "type base64" of type ssh-ed25519, .* \| "web1 ssh-ed25519/,
    'pools[0].nodes[2].ssh-port | no ssh-port beside connection-port (2022) | 22',
    /^pools\[0\]\.nodes\[2\]\.host-key \| a host key .* \| "ssh-rsa"$/,
  ]);
  t.end();
});

t.test('its pools have nodes and no labels', (t) => {
  const check = (pool: Record<string, unknown>) =>
    schemaMistakes(staticDriver, { name: 'machines', pools: [{ name: 'main', ...pool }] });
  t.same(check({ nodes: [] }), []);
  for (const wrong of [
    {},
    { nodes: [], labels: [] },
    { nodes: [{ name: 'a' }] },
    { nodes: [{ labels: 'x' }] },
    { nodes: [{ name: 'a', labels: 'x', 'max-parallel-jobs': 0 }] },
    { nodes: [{ name: 'a', labels: 'x', 'connection-port': 70000 }] },
    { nodes: [{ name: 'a', labels: 'x', 'host-keys': key }] },
  ]) {
    t.not(check(wrong).length, 0, JSON.stringify(wrong));
  }
  t.end();
});
