/** What a healthy cloud does not answer, and what the driver makes of it. */
import { once } from 'node:events';
import t from 'tap';
import { openProvider, section } from '../../support/openstack/provider.ts';
import { startOpenstack, type Asked } from '../../support/openstack/server.ts';
import { until } from '../../support/poll.ts';

const never = new AbortController().signal;
const unchecked = section({}, { 'host-key-checking': false });
const isCreate = ({ method, path }: Asked) => method === 'POST' && path.endsWith('/servers');
const isList = ({ path }: Asked) => path.endsWith('/servers/detail');

/** Badly the first times, then well. */
const first = (times: number, isMeant: (call: Asked) => boolean) => {
  let left = times;
  return (call: Asked) => isMeant(call) && left-- > 0;
};

for (const [what, fault] of Object.entries({
  'too many calls': {
    status: 429,
    headers: { 'retry-after': '0' },
    body: { overLimit: { message: 'slow down' } },
  },
  'a service that is being restarted': {
    status: 503,
    body: '<html><h1>503</h1>No server is available</html>',
  },
  'an error of the service': { status: 500, body: { computeFault: { message: 'Unexpected API Error.' } } },
  'no JSON': { status: 200, body: '{"servers": [' },
  'another thing than a list': { status: 200, body: { servers: null } },
  'a cut connection': 'reset',
  'half an answer': 'truncate',
} as const)) {
  t.test(`${what} in answer to a list is lived through`, async (t) => {
    const cloud = await startOpenstack(t);
    const opened = openProvider(t, cloud, unchecked);
    t.equal(await opened.settled(), undefined);
    const isBad = first(2, isList);
    cloud.fault = (call) => (isBad(call) ? fault : undefined);
    const instance = await opened.launch('tiny');
    t.match(instance, { externalId: String, interfaceIp: /^127\.1\./ });
    cloud.fault = () => undefined;
    await opened.provider.destroy(instance.externalId, never);
    t.same([cloud.world.servers, cloud.world.floatingIps], [[], []], 'nothing is left');
  });
}

t.test('a service that answers byte by byte is given up after api_timeout', async (t) => {
  const cloud = await startOpenstack(t);
  cloud.writeClouds({ api_timeout: 2 });
  const opened = openProvider(t, cloud, unchecked);
  t.equal(await opened.settled(), undefined);
  const isBad = first(1, isList);
  cloud.fault = (call) => (isBad(call) ? 'trickle' : undefined);
  t.same(await opened.provider.list(never), []);
  t.ok(opened.logged.some(({ fields }) => /no whole answer within 2 s/.test(String(fields['error']))));
});

t.test('a call that is cancelled ends with the reason, whatever the service does', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, unchecked);
  await opened.settled();
  const hangs = new AbortController();
  cloud.fault = (call) => {
    if (!isList(call)) return undefined;
    setImmediate(() => hangs.abort(new Error('not wanted')));
    return 'hang';
  };
  await t.rejects(opened.provider.list(hangs.signal), { message: 'not wanted' });
});

t.test('a creation whose answer is lost leaves no server, and is not repeated blindly', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, unchecked);
  await opened.settled();
  cloud.fault = (call) => (isCreate(call) ? 'truncate' : undefined);
  await t.rejects(opened.launch('tiny'), {
    name: 'LaunchError',
    stage: 'create',
    message: /connection closed before the whole answer/,
    retriable: true,
  });
  t.equal(cloud.count('POST', /\/servers$/), 1, 'asked once');
  t.equal(cloud.world.made, 1, 'and it was made');
  t.same(cloud.world.servers, [], 'but it is gone');
});

t.test('a creation that certainly had no effect is repeated', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, unchecked);
  await opened.settled();
  const isBad = first(2, isCreate);
  cloud.fault = (call) => (isBad(call) ? { status: 503, body: '' } : undefined);
  await opened.launch('tiny');
  t.equal(cloud.count('POST', /\/servers$/), 3);
  t.equal(cloud.world.made, 1);
});

t.test('no room is a QuotaError, in the words of each service', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, unchecked);
  await opened.settled();
  cloud.world.quota.instances = 0;
  await t.rejects(opened.launch('tiny'), { name: 'QuotaError', message: /Quota exceeded for instances/ });

  cloud.world.quota.instances = 10;
  cloud.world.errors.set('3', 'Exceeded maximum number of retries. Quota exceeded for resources: port.');
  await t.rejects(opened.launch('broken'), { name: 'QuotaError', message: /is in ERROR: .*port/ });
  t.same(cloud.world.servers, [], 'the server in ERROR is removed');

  const body = { badRequest: { code: 400, message: 'Maximum number of ports exceeded' } };
  cloud.fault = (call) => (isCreate(call) ? { status: 403, body } : undefined);
  await t.rejects(opened.launch('tiny'), { name: 'QuotaError', message: /number of ports exceeded/i });
});

t.test('a server in ERROR is a failed launch with its fault, and removed', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, unchecked);
  await opened.settled();
  await t.rejects(opened.launch('broken'), {
    name: 'LaunchError',
    stage: 'start',
    message: /is in ERROR: No valid host was found/,
  });
  t.same(cloud.world.servers, []);
});

t.test('a token that is not taken any more is replaced, once for all who wait', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, unchecked);
  await opened.settled();
  t.equal(cloud.world.tokens.size, 1);
  cloud.world.tokens.clear();
  await Promise.all([opened.provider.list(never), opened.provider.quota(), opened.launch('tiny')]);
  t.equal(cloud.count('POST', /\/auth\/tokens$/), 2);
});

t.test('a token is replaced before it expires', async (t) => {
  const cloud = await startOpenstack(t);
  cloud.world.tokenLife = 0.1;
  const opened = openProvider(t, cloud, unchecked);
  await opened.settled();
  const before = cloud.world.tokens.size;
  await until(async () => {
    await opened.provider.list(never);
    return cloud.world.tokens.size > before;
  });
  t.notOk(
    opened.logged.some(({ fields }) => fields['status'] === 401),
    'no call was refused for it',
  );
});

t.test('a wrong password is told with the cloud and the file, and its repair is noticed', async (t) => {
  const cloud = await startOpenstack(t);
  cloud.writeClouds({}, { password: 'wrong-secret' });
  const opened = openProvider(t, cloud, unchecked);
  const reason = (await opened.settled()) ?? '';
  t.match(reason, /cannot authenticate at the cloud main \(.*clouds\.yaml\)/);
  t.match(reason, /401/);
  t.match(opened.provider.unready(opened.pool, opened.label('tiny')), { temporary: true });
  await t.rejects(opened.launch('tiny'), {
    name: 'LaunchError',
    stage: 'prepare',
    message: /cannot authenticate/,
  });
  await t.rejects(opened.provider.quota(), /cannot authenticate/);

  cloud.writeClouds();
  await until(() => opened.provider.unready(opened.pool, opened.label('tiny')) === undefined, {
    timeoutMs: 60_000,
  });
  t.match(await opened.launch('tiny'), { cloud: 'main' });
  const text = JSON.stringify(opened.logged, (_, value: unknown) =>
    value instanceof Error ? value.stack : value,
  );
  t.notMatch(text, /wrong-secret|"right"|token-\d/, 'no secret in any log line');
});

t.test('trouble that lasts is told once, although every answer has another request id', async (t) => {
  const cloud = await startOpenstack(t);
  cloud.writeClouds({}, { password: 'wrong-secret' });
  const opened = openProvider(t, cloud, unchecked);
  const reason = await opened.settled();
  t.match(reason, /\(req-\d+\)/);
  await until(() => cloud.count('POST', /\/auth\/tokens$/) >= 3, { timeoutMs: 60_000 });
  await opened.launch('tiny').catch(() => undefined);
  const told = opened.logged.filter(({ message }) => message === 'the cloud cannot be used');
  t.equal(told.length, 1);
  t.equal(opened.provider.unready(opened.pool, opened.label('tiny'))?.reason, reason);
});

t.test('what is wrong with a cloud is said with key, value and what there is', async (t) => {
  const expected: [Record<string, unknown>, Record<string, unknown>, RegExp][] = [
    [{ cloud: 'absent' }, {}, /^cloud: expected a cloud of .*clouds\.yaml \(main\), found "absent"$/],
    [{ 'region-name': 'Mars' }, {}, /^region-name: expected a region .* \(RegionOne\), found "Mars"$/],
    [
      {},
      { networks: ['lan'] },
      /^networks: expected networks of the cloud \(private, public\), found "lan"$/,
    ],
    [
      {},
      { labels: [{ name: 'x', 'cloud-image': 'debian', 'flavor-name': 'huge' }] },
      /^flavor-name: .* found "huge"; there are, with their MiB: m1.tiny \(512\)/,
    ],
    [
      {},
      { labels: [{ name: 'x', 'cloud-image': 'debian', 'min-ram': 99999 }] },
      /^min-ram: expected at most the RAM of a flavor, found 99999/,
    ],
    [
      { 'cloud-images': [{ name: 'debian', 'image-name': 'gone' }] },
      {},
      /^cloud-images: expected an active image .* found "gone" \(cloud-image "debian"\)$/,
    ],
    [{ 'cloud-images': [{ name: 'debian', 'image-name': 'broken' }] }, {}, /found "broken"/],
    [
      {},
      { 'availability-zones': ['moon'] },
      /^availability-zones: expected available zones of the cloud \(nova\), found moon$/,
    ],
  ];
  const cloud = await startOpenstack(t);
  for (const [changes, pool, message] of expected) {
    t.match(await openProvider(t, cloud, section(changes, pool)).settled(), message);
  }
});

t.test('one label with an unknown image leaves the others alone', async (t) => {
  const cloud = await startOpenstack(t);
  const images = [{ name: 'debian' }, { name: 'gone' }];
  const labels = [
    { name: 'tiny', 'cloud-image': 'debian', 'flavor-name': 'm1.tiny' },
    { name: 'other', 'cloud-image': 'gone', 'flavor-name': 'm1.tiny' },
  ];
  const given = section({ 'cloud-images': images }, { labels, 'host-key-checking': false });
  const opened = openProvider(t, cloud, given);
  t.equal(await opened.settled(), undefined);
  t.match(opened.provider.unready(opened.pool, opened.label('other')), {
    reason: /"gone"/,
    temporary: false,
  });
  await opened.launch('tiny');
});

t.test('fifty launches at once are watched with the same lists', async (t) => {
  const cloud = await startOpenstack(t);
  cloud.world.quota.instances = 100;
  cloud.world.buildLists = 5;
  cloud.world.pageSize = 1000;
  const opened = openProvider(
    t,
    cloud,
    section({}, { 'host-key-checking': false, 'auto-floating-ip': false, networks: ['public'] }),
  );
  await opened.settled();
  const before = cloud.count('GET', /servers\/detail$/);
  const launches = Array.from({ length: 50 }, (_, index) =>
    opened.launch('tiny', { nodeId: String(index).padStart(10, '0') }),
  );
  const instances = await Promise.all(launches);
  t.equal(new Set(instances.map(({ interfaceIp }) => interfaceIp)).size, 50);
  const lists = cloud.count('GET', /servers\/detail$/) - before;
  t.ok(lists < 50, `${lists} lists for 50 nodes`);
  const others = cloud.asked.filter(({ method, path }) => method === 'GET' && /servers\/[^d]/.test(path));
  t.same(others, [], 'no server was asked for by itself');
});

t.test('lists come in pages', async (t) => {
  const cloud = await startOpenstack(t);
  cloud.world.pageSize = 2;
  const opened = openProvider(t, cloud, unchecked);
  await opened.settled();
  await Promise.all([1, 2, 3, 4, 5].map((n) => opened.launch('tiny', { nodeId: String(n) })));
  const listed = await opened.provider.list(never);
  t.same(listed.map(({ nodeId }) => nodeId).sort(), ['1', '2', '3', '4', '5']);
});

t.test('closing ends calls that hang', async (t) => {
  const cloud = await startOpenstack(t);
  const opened = openProvider(t, cloud, unchecked);
  await opened.settled();
  const asked = new EventTarget();
  const seen = once(asked, 'asked');
  cloud.fault = (call) => {
    if (!isList(call)) return undefined;
    asked.dispatchEvent(new Event('asked'));
    return 'hang';
  };
  const listed = t.rejects(opened.provider.list(never));
  await seen;
  await opened.provider.close(AbortSignal.timeout(10_000));
  await listed;
});
