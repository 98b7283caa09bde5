import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig, type LoadedConfig } from '../../../src/config/load.ts';
import { sameProvider } from '../../../src/config/same-provider.ts';
import { loadStateLocation } from '../../../src/config/state-location.ts';
import { formatWarning } from '../../../src/config/warnings.ts';
import { fixture, fixtures } from './fixtures.ts';
import { drivers } from './test-drivers.ts';

function load(name: string): Promise<LoadedConfig> {
  return loadConfig({ ...fixture('good', name), drivers });
}

t.test('loads what the merge of a Software Factory config repository writes', async (t) => {
  const config = await load('software-factory');
  t.same(config.zookeeper, {
    servers: [{ host: 'zk.example.com', port: 2281 }],
    chroot: '',
    tls: {
      cert: '/etc/nodepool/ssl/zookeeper.crt',
      key: '/etc/nodepool/ssl/zookeeper.key',
      ca: '/etc/nodepool/ssl/zk-ca.pem',
    },
    sessionTimeoutMs: 10_000,
  });
  t.same(config.webapp, {
    port: 8006,
    builderPort: 8007,
    listenAddress: '0.0.0.0',
    tokenFile: undefined,
  });
  t.equal(config.elementsDir, '/etc/nodepool/elements:/usr/share/sf-elements');
  t.same(
    [...config.labels.values()],
    [
      { name: 'runc-centos', minReady: 2, maxReadyAgeS: undefined },
      { name: 'new-container', minReady: 0, maxReadyAgeS: undefined },
      { name: 'centos-6-container', minReady: 0, maxReadyAgeS: 3600 },
    ],
  );

  const manual = config.providers.get('new-provider');
  t.equal(manual?.driver, 'runc', 'runC is another spelling of runc');
  t.equal(config.providers.get('managed-runc-provider')?.driver, 'runc');
  const pool = manual?.pools.get('192.0.2.7');
  t.match(pool, {
    maxServers: 0,
    limits: { instances: 0 },
    nodeAttributes: { 'executor-zone': 'lab' },
    priority: 100,
  });
  t.same(pool?.labels.get('centos-6-container')?.options, {
    path: '/srv/centos-6',
    'rw-overlay': true,
    username: 'zuul-worker',
  });
  t.same(pool?.labels.get('new-container')?.options, {
    path: '/',
    'rw-overlay': false,
    username: 'zuul-worker',
  });
});

t.test('gives a password of digits to its image unchanged, and to no other', async (t) => {
  const { diskimages } = await load('software-factory');
  t.equal(diskimages.get('dib-rhel-7')?.envVars.REG_PASSWORD, '0012345');
  t.same(diskimages.get('dib-rhel-7')?.secretEnvVars, ['REG_PASSWORD'], 'known as a secret');
  t.notOk('REG_PASSWORD' in (diskimages.get('cloud-fedora-rawhide')?.envVars ?? {}));
});

t.test('understands anchors, merge keys, octal and hexadecimal numbers and the environment', async (t) => {
  const config = await load('anchors');
  t.same(config.webapp, {
    port: 8007,
    builderPort: 8008,
    listenAddress: '127.0.0.1',
    tokenFile: undefined,
  });
  t.equal(config.maxHoldAgeS, 86_400);
  t.match(config.zookeeper, {
    servers: [
      { host: '2001:db8::1', port: 2181 },
      { host: 'zk2', port: 2181 },
    ],
    chroot: '/ci',
    sessionTimeoutMs: 10_000,
  });
  t.same(config.tenantLimits.get('acme'), { instances: 10, cores: 40, ram: 65_536, gpu: 2 });

  const rack = config.providers.get('rack');
  t.match(rack, {
    launchRetries: 5,
    launchTimeoutMs: 90_500,
    bootTimeoutMs: 15_000,
    maxConcurrency: undefined,
  });
  t.same(rack?.options, { 'zuul-console-dir': '/tmp' }, 'x- keys are not options');
  const [first, second] = [...(rack?.pools.values() ?? [])];
  t.match(first, { maxServers: 16, limits: { instances: 16, gpu: 4, ram: 32_768 }, priority: 50 });
  t.match(second, { priority: 10, hostKeyChecking: false, ignoreProviderQuota: true, maxServers: undefined });
  t.same(second?.labels.get('small')?.options['home-dir'], '/home/zuul-worker');
  t.same(second?.labels.get('large')?.options['home-dir'], '/srv/large', 'own keys win over merged ones');
});

t.test('offers the labels of registered machines', async (t) => {
  const config = await load('static');
  t.equal(config.stateDir, '/srv/nodepool/state');
  t.equal(config.zookeeper, undefined);
  t.equal(config.providers.get('machines')?.maxConcurrency, 0);
  const pool = config.providers.get('machines')?.pools.get('main');
  t.same([...(pool?.labels.keys() ?? [])], ['bare-metal', 'big', 'gpu']);
  t.match(pool?.options.nodes, [{ 'max-parallel-jobs': 1 }, { 'max-parallel-jobs': 4 }]);
  t.equal(config.providers.get('fake-cloud')?.driver, 'fake', 'a name like this needs no driver');
});

t.test('inherits diskimages from their parents, and lets a child undo what it inherits', async (t) => {
  const { diskimages } = await load('images');
  t.same([...diskimages.keys()], ['debian', 'fedora'], 'templates are left out');
  t.same(diskimages.get('debian'), {
    name: 'debian',
    elements: ['vm', 'simple-init', 'debian-minimal', 'cache'],
    dibCmd: 'disk-image-create',
    formats: ['raw'],
    release: 'bookworm',
    rebuildAgeS: 3600,
    buildTimeoutS: 28_800,
    envVars: { DIB_CHECKSUM: '1', DIB_GRUB_TIMEOUT: '5' },
    secretEnvVars: [],
    pause: false,
    username: 'zuul',
    pythonPath: 'auto',
    shellType: 'sh',
    metadata: { team: 'infra' },
    deleteAfterUpload: false,
    keepFormats: [],
  });
  t.match(diskimages.get('fedora'), {
    release: '42',
    elements: [],
    envVars: {},
    metadata: { generation: '2' },
  });
});

t.test('is frozen in depth', async (t) => {
  const config = await load('anchors');
  const rack = config.providers.get('rack');
  t.throws(() => (config.webapp as { port: number }).port++, TypeError);
  t.throws(() => (config.providers as Map<string, unknown>).clear(), {
    message: 'the configuration is frozen',
  });
  t.throws(() => (rack?.pools.get('rack2')?.options['host-key'] as string[]).push('x'), TypeError);
});

t.test('finds the same store without reading the rest', async (t) => {
  for (const sample of fixtures('good')) {
    const { stateDir, zookeeper } = await loadConfig({ ...sample, drivers });
    t.same(await loadStateLocation(sample), { stateDir, zookeeper }, sample.name);
  }
});

t.test('tells providers that changed from those that did not', async (t) => {
  const [before, after] = [await load('anchors'), await load('anchors')];
  const [a, b] = [before.providers.get('rack')!, after.providers.get('rack')!];
  t.ok(sameProvider(a, b));
  t.notOk(sameProvider(a, { ...b, launchRetries: 1 }));
  const pools = new Map(b.pools);
  pools.set('rack1', { ...pools.get('rack1')!, labels: new Map() });
  t.notOk(sameProvider(a, { ...b, pools }));
});

t.test('warns about a secure file that everybody can read', async (t) => {
  const sample = fixture('good', 'software-factory');
  const securePath = join(t.testdir(), 'secure.conf');
  await copyFile(sample.securePath!, securePath);
  await chmod(securePath, 0o644);
  const texts = async () =>
    (await loadConfig({ ...sample, securePath, drivers })).warnings.map(formatWarning);
  t.match(await texts(), [
    /launcher-host/,
    /"rhel7" has no image to begin with/,
    `${securePath}: everybody can read this file (mode 0644); chmod 0640 it`,
  ]);
  await chmod(securePath, 0o640);
  t.equal((await texts()).length, 2);
});

t.test('warns about labels that nothing offers and variables that are not set', async (t) => {
  const folder = t.testdir({
    'nodepool.yaml':
      'labels:\n  - name: used\n  - name: lonely\nproviders: []\nimages-dir: "/x/%(NODEPOOL_NOWHERE)"\n',
    'secure.conf': 'zookeeper-server: []\ndummy: 1\n',
  });
  const securePath = join(folder, 'secure.conf');
  await chmod(securePath, 0o600);
  const { warnings } = await loadConfig({
    path: join(folder, 'nodepool.yaml'),
    securePath,
    drivers,
    env: {},
  });
  t.same(
    warnings.map((warning) => formatWarning(warning).replaceAll(`${folder}/`, '')),
    [
      'nodepool.yaml:2: labels that no pool here offers: used, lonely',
      'nodepool.yaml:5: the environment variable NODEPOOL_NOWHERE is not set',
      'secure.conf:1: "zookeeper-server" means nothing here; "zookeeper-servers" does',
    ],
  );
});

t.test('takes servers and certificates from the secure file instead of the main file', async (t) => {
  const folder = t.testdir({
    'nodepool.yaml': 'zookeeper-servers: [{host: main}]\nzookeeper-tls: {cert: /c, key: /k, ca: /a}\n',
    'secure.conf': 'zookeeper-servers: [{host: "::1", port: 2000, chroot: /x}]\nzookeeper-tls: {}\n',
  });
  const place = { path: join(folder, 'nodepool.yaml'), securePath: join(folder, 'secure.conf'), env: {} };
  const { zookeeper } = await loadStateLocation(place);
  t.match(zookeeper, { servers: [{ host: '::1', port: 2000 }], chroot: '/x', tls: { cert: '/c' } });
  t.same((await loadConfig({ ...place, drivers })).zookeeper, zookeeper);
});
