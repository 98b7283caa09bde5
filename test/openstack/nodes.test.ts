/** From request to deletion on a real OpenStack, through the launcher. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { silentLogger } from '../../src/log.ts';
import { makeRequest } from '../../src/model/request.ts';
import { openEmbeddedStore } from '../../src/store/embedded.ts';
import { until } from '../support/poll.ts';
import { FAST_ROUNDS } from '../support/launcher.ts';
import { startLauncherProcess } from '../support/launcher-process.ts';
import { startSshServer } from '../support/ssh-server.ts';
import { tempDir } from '../support/temp.ts';
import {
  authOf,
  cloudDriver,
  cloudsFile,
  openAccount,
  signalService,
  skip,
  stopService,
  type Account,
} from '../support/testcloud.ts';
import { isEmpty, patient, start, unchecked, WAIT_MS, yaml } from '../support/testcloud-launcher.ts';

t.setTimeout(0); // The suite's limit applies.

/** Every address of the cloud's external network belongs to this machine while the test runs. */
function answerFor(t: Test, network: string): boolean {
  const route = (verb: string) =>
    execFileSync('ip', ['route', verb, 'local', network, 'dev', 'lo'], { stdio: 'ignore' });
  try {
    route('replace');
  } catch {
    return false;
  }
  t.teardown(() => route('del'));
  return true;
}

t.test(
  'a node is requested, reached by its floating IP, used, and gone with all that belongs to it',
  { skip },
  async (t) => {
    const account = await openAccount(t);
    const { port, hostKeys } = await startSshServer(t, { address: '0.0.0.0' });
    const canAnswer = answerFor(t, '203.0.113.0/24');
    const image = `, connection-port: ${port}`;
    const launcher = await start(t, yaml({ image, pool: canAnswer ? '' : unchecked }), {
      drivers: [cloudDriver(t)],
    });
    const request = await launcher.fulfilled(['vm']);
    const { nodes, finish } = await launcher.use(request.id);
    const [server] = await account.list('compute', '/servers/detail', 'servers');
    t.match(nodes[0]?.value, {
      externalId: String(server?.['id']),
      interfaceIp: /^203\.0\.113\.\d+$/,
      publicIpv4: /^203\.0\.113\.\d+$/,
      privateIpv4: /^10\.20\.0\.\d+$/,
      cloud: 'testcloud',
      az: 'nova',
      hostId: /^[0-9a-f]{20,}$/,
      hostKeys: canAnswer ? hostKeys : [],
      connectionPort: port,
      username: 'zuul',
      imageId: 'debian',
      resources: { instances: 1, cores: 1, ram: 512 },
    });
    t.match(server, {
      name: `np${nodes[0]?.id}`,
      status: 'ACTIVE',
      metadata: {
        nodepool_provider_name: 'cloud-a',
        nodepool_node_id: nodes[0]?.id,
        groups: 'cloud-a,debian,vm',
      },
      security_groups: [{ name: 'default' }],
    });
    await finish();
    await launcher.wait(() => launcher.nodes.entries.size === 0);
    await until(() => isEmpty(account), patient);
  },
);

t.test(
  'an application credential opens the cloud as well, and volumes go with their servers',
  { skip },
  async (t) => {
    const account = await openAccount(t);
    const label = ', boot-from-volume: true, volume-size: 1, volume-type: fake';
    const launcher = await start(t, yaml({ cloud: 'testcloud-appcred', pool: unchecked, label }));
    const { nodes, finish } = await launcher.use((await launcher.fulfilled(['vm'])).id);
    t.match(nodes[0]?.value, { cloud: 'testcloud-appcred', resources: { volumes: 1, 'volume-gb': 1 } });
    const [volume] = await account.list('volume', '/volumes/detail', 'volumes');
    t.match(volume, { size: 1, volume_type: 'fake', metadata: { nodepool_node_id: nodes[0]?.id } });
    await finish();
    await launcher.wait(() => launcher.nodes.entries.size === 0);
    await until(() => isEmpty(account), patient);
  },
);

t.test('a full project pauses the pool, and the request goes on when there is room', { skip }, async (t) => {
  const account = await openAccount(t);
  const admin = await openAccount(t, 'testcloud-admin');
  const signal = AbortSignal.timeout(WAIT_MS);
  const project = await account.session.projectId(signal);
  const setInstances = (instances: number) =>
    admin.session.call({
      service: 'compute',
      method: 'PUT',
      path: `/os-quota-sets/${project}`,
      json: { quota_set: { instances } },
      signal,
    });
  // The launcher knows a limit of 10; the cloud has a lower one and refuses.
  const launcher = await start(t, yaml({ pool: unchecked }), { rounds: FAST_ROUNDS });
  const used = await launcher.use((await launcher.fulfilled(['vm'])).id);
  await setInstances(1);
  t.teardown(() => setInstances(10));
  const second = await launcher.request(['vm']);
  const paused = await launcher.wait(() =>
    [...launcher.pools.entries.values()].find(({ value }) => value.paused !== null),
  );
  t.match(paused.value.paused, /quota|room/i);
  t.not(launcher.requests.entries.get(second.id)?.value.state, 'failed');
  await used.finish();
  t.match(await launcher.outcome(second.id), { value: { state: 'fulfilled' } });
  await (await launcher.use(second.id)).finish();
  await launcher.wait(() => launcher.nodes.entries.size === 0);
});

t.test('an image that the cloud does not have fails its own label only', { skip }, async (t) => {
  const text = yaml({ pool: unchecked })
    .replace('labels: [{name: vm}]', 'labels: [{name: vm}, {name: other}]')
    .replace('    pools:', '      - {name: gone}\n    pools:')
    .concat('          - {name: other, cloud-image: gone, flavor-name: m1.tiny}\n');
  const launcher = await start(t, text);
  const failing = await launcher.request(['other']);
  t.match(await launcher.outcome(failing.id), { value: { state: 'failed' } });
  t.ok(
    launcher.logged.some(({ fields, message }) =>
      /cloud-images: .*gone/.test(`${message} ${JSON.stringify(fields)}`),
    ),
    'the log names the image',
  );
  await (await launcher.use((await launcher.fulfilled(['vm'])).id)).finish();
  await launcher.wait(() => launcher.nodes.entries.size === 0);
});

t.test('a wrong password leaves the launcher running and is told with the cloud', { skip }, async (t) => {
  const driver = cloudDriver(t, (text) => text.replaceAll('nodepool-secret', 'wrong-secret'));
  const launcher = await start(t, yaml({ pool: unchecked }), { drivers: [driver] });
  const status = await launcher.wait(() =>
    [...launcher.pools.entries.values()].find(({ value }) => value.unhealthy?.includes('401')),
  );
  t.match(status.value.unhealthy, /cannot authenticate at the cloud testcloud .*clouds\.yaml.*401/);
  t.notMatch(JSON.stringify(launcher.logged), /wrong-secret/);
});

t.test('services that hang for a while cost time, not nodes', { skip }, async (t) => {
  const launcher = await start(t, yaml({ pool: unchecked }));
  const request = await launcher.request(['vm']);
  await launcher.wait(() => launcher.inState('building').some(({ value }) => value.externalId !== null));
  await signalService('nova-api', 'SIGSTOP');
  t.teardown(() => signalService('nova-api', 'SIGCONT'));
  const account = await openAccount(t);
  const hangs = account.session.list({
    service: 'compute',
    path: '/servers/detail',
    key: 'servers',
    signal: AbortSignal.timeout(3_000),
  });
  await t.rejects(hangs, 'Nova does not answer');
  await signalService('nova-api', 'SIGCONT');
  t.match(await launcher.outcome(request.id), { value: { state: 'fulfilled' } });
  await (await launcher.use(request.id)).finish();
  await launcher.wait(() => launcher.nodes.entries.size === 0);
});

t.test('revoked tokens and a service that is started again cost time, not nodes', { skip }, async (t) => {
  const admin = await openAccount(t, 'testcloud-admin');
  const launcher = await start(t, yaml({ pool: unchecked }), { rounds: FAST_ROUNDS });
  const used = await launcher.use((await launcher.fulfilled(['vm'])).id);
  await revokeTokens(admin);
  const startAgain = await stopService('nova-api');
  await used.finish();
  await launcher.wait(() => [...launcher.pools.entries.values()].some(({ value }) => value.unhealthy));
  const request = await launcher.request(['vm']);
  // A new process of Nova asks Keystone about every token, so the old one is refused.
  await startAgain();
  t.match(await launcher.outcome(request.id), { value: { state: 'fulfilled' } });
  await (await launcher.use(request.id)).finish();
  await launcher.wait(() => launcher.nodes.entries.size === 0);
  const answers = launcher.logged.filter(({ message }) => message === 'call');
  t.ok(
    answers.some(({ fields }) => fields['status'] === 401),
    'the cloud has refused a token',
  );
  t.notMatch(JSON.stringify(launcher.logged), /nodepool-secret/);
});

/** A user whose password is set anew loses all tokens; the password stays what it was. */
async function revokeTokens({ session }: Account): Promise<void> {
  const { auth_url: url } = authOf('testcloud');
  const signal = AbortSignal.timeout(WAIT_MS);
  const call = (method: 'GET' | 'PATCH', path: string, json?: unknown) =>
    session.call({ service: 'compute', method, path: `${url}${path}`, signal, ...(json ? { json } : {}) });
  const { body } = await call('GET', '/users?name=nodepool');
  const [user] = (body as { users: { id: string }[] }).users;
  await call('PATCH', `/users/${user?.id}`, { user: { password: authOf('testcloud').password } });
}

t.test('what a killed launcher leaves behind is removed by the next one', { skip }, async (t) => {
  const account = await openAccount(t);
  const dir = tempDir(t);
  const config = `${dir}/nodepool.yaml`;
  // Nothing answers at the node's address, so that the launcher is killed in the middle of a launch.
  writeFileSync(config, `state-dir: ${dir}/state\n${yaml({ provider: 'boot-timeout: 600' })}`);
  const child = startLauncherProcess(t, ['-f', '-c', config, '--log-file', 'none'], {
    OS_CLIENT_CONFIG_FILE: cloudsFile,
  });
  const store = await openEmbeddedStore({ dir: `${dir}/state`, log: silentLogger });
  t.teardown(() => store.close());
  const { id } = await store.requests.create(
    makeRequest({ nodeTypes: ['vm'], stateTimeS: Date.now() / 1000, requestor: 'test' }),
    { prefix: '200-' },
  );
  const servers = () => account.list('compute', '/servers/detail', 'servers');
  await until(
    async () => (await account.list('network', '/floatingips', 'floatingips')).length === 1,
    patient,
  );
  child.kill('SIGKILL');
  await child.ended;
  const [left] = await servers();
  t.ok(left, 'there is a server');
  // As if it had died before it could store anything.
  for (const { id: nodeId } of await store.nodes.list()) await store.nodes.remove(nodeId);
  await store.requests.remove(id);

  const launcher = await start(t, yaml({ pool: unchecked }), {
    dir,
    rounds: FAST_ROUNDS,
    drivers: [cloudDriver(t)],
  });
  await until(() => isEmpty(account), patient);
  t.ok(launcher.logged.some(({ message }) => message === 'removing an instance that belongs to no node'));
});
