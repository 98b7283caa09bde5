/** What a running launcher tells Prometheus and statsd, and whether dashboard and alerts ask for what is there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { silentLogger } from '../../../src/log.ts';
import { makeBuild, makeUpload, uploadPrefix } from '../../../src/model/image.ts';
import { makeRequest } from '../../../src/model/request.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { freePort } from '../../support/free-port.ts';
import { startLauncherProcess } from '../../support/launcher-process.ts';
import { until } from '../../support/poll.ts';
import { selectorsOf, seriesOf } from '../../support/promql.ts';
import { startStatsdServer } from '../../support/statsd-server.ts';
import { tempDir } from '../../support/temp.ts';
import { fetchText } from '../../support/web.ts';

const WAIT = { timeoutMs: 60_000, intervalMs: 100 };

t.test('metrics of a launcher that has served, failed and deleted', async (t) => {
  const dir = tempDir(t);
  const port = await freePort();
  const statsd = await startStatsdServer(t);
  const stateDir = join(dir, 'state');
  const config = join(dir, 'nodepool.yaml');
  writeFileSync(
    config,
    fakeConfig({
      providers: {
        cloud: { pools: { main: { 'max-servers': 4, labels: ['small', 'other'] } } },
        broken: {
          'launch-retries': 2,
          'failure-rate': 1,
          pools: { main: { 'max-servers': 2, labels: ['bad'] } },
        },
      },
      more: {
        'state-dir': stateDir,
        webapp: { port, listen_address: '127.0.0.1' },
        'tenant-resource-limits': [{ 'tenant-name': 'blue.team', 'max-cores': 40 }],
      },
    }),
  );
  const env = { STATSD_HOST: '127.0.0.1', STATSD_PORT: String(statsd.port) };
  const launcher = startLauncherProcess(t, ['-f', '-c', config, '--log-file', 'none'], env, { webapp: true });
  await launcher.wrote('launcher started');
  const store = await openEmbeddedStore({ dir: stateDir, log: silentLogger });
  t.teardown(() => store.close());
  const ask = async (label: string) => {
    const timeS = Date.now() / 1000;
    const request = { stateTimeS: timeS, createdTimeS: timeS, nodeTypes: [label], requestor: 'zuul.one:1' };
    const { id } = await store.requests.create(makeRequest(request), { prefix: '200-' });
    return id;
  };
  const stateOf = async (id: string) => (await store.requests.get(id))?.value.state;

  const good = await ask('small');
  const bad = await ask('bad');
  await until(async () => (await stateOf(good)) === 'fulfilled', { ...WAIT, what: 'the good request' });
  await until(async () => (await stateOf(bad)) === 'failed', { ...WAIT, what: 'the bad request' });
  const nodeId = (await store.requests.get(good))?.value.nodes[0] ?? '';
  const scrape = async () => (await fetchText(port, 'GET', '/metrics')).text;
  t.match(await scrape(), /^nodepool_nodes\{provider="cloud",pool="main",label="small",state="ready"\} 1$/m);

  const node = await store.nodes.lock(nodeId, { waitMs: 20_000 });
  await store.requests.remove(good);
  await store.nodes.update(nodeId, (value) => ({ ...value, state: 'used', stateTimeS: Date.now() / 1000 }));
  await node?.release();
  await until(async () => (await store.nodes.get(nodeId)) === undefined, { ...WAIT, what: 'the node to go' });
  await store.builds.create(makeBuild({ state: 'ready', stateTimeS: 1 }), { id: 'debian/0a' });
  await store.builds.create(makeBuild({ state: 'failed', stateTimeS: 1 }), { id: 'debian/0b' });
  await store.uploads.create(makeUpload({ state: 'failed' }), {
    prefix: uploadPrefix('debian', '0a', 'cloud'),
  });
  const waiting = await ask('small');
  await until(async () => (await stateOf(waiting)) === 'fulfilled', WAIT);

  const text = await until(
    async () => {
      const now = await scrape();
      const told = ['nodepool_node_delete_seconds_count{', 'nodepool_image_uploads{', 'state="failed"} 1'];
      return told.every((part) => now.includes(part)) ? now : undefined;
    },
    { ...WAIT, what: 'everything to be counted' },
  );
  const reply = await fetchText(port, 'GET', '/metrics');
  t.match(reply.headers['content-type'], 'text/plain; version=0.0.4');
  for (const line of [
    /^nodepool_requests\{state="fulfilled"\} 1$/m,
    /^nodepool_requests\{state="failed"\} 1$/m,
    /^nodepool_launch_attempts_total\{provider="cloud",driver="fake",label="small",result="ready"\} 2$/m,
    /^nodepool_launch_attempts_total\{provider="broken",driver="fake",label="bad",result="error\.\w+"\} 2$/m,
    /^nodepool_request_accept_seconds_count\{label="small"\} 2$/m,
    /^nodepool_request_fulfil_seconds_count\{label="small"\} 2$/m,
    /^nodepool_node_ready_seconds_count\{provider="cloud",driver="fake",label="small"\} 2$/m,
    /^nodepool_node_delete_seconds_count\{provider="cloud",driver="fake",label="small"\} 1$/m,
    /^nodepool_quota_limit\{provider="cloud",pool="main",resource="instances"\} 4$/m,
    /^nodepool_pool_healthy\{provider="cloud",pool="main"\} 1$/m,
    /^nodepool_image_builds\{image="debian",state="failed"\} 1$/m,
    /^nodepool_image_uploads\{image="debian",provider="cloud",state="failed"\} 1$/m,
    /^nodepool_image_age_seconds\{image="debian"\} \d{9,}/m,
    /^nodepool_store_operation_seconds_count\{operation="update"\} \d+$/m,
    /^nodejs_eventloop_lag_p99_seconds \d/m,
  ])
    t.match(text, line);

  await t.test('statsd gets the documented keys, with their types', async (t) => {
    const expected = [
      /^nodepool\.launch\.ready:\d+\|ms$/,
      /^nodepool\.launch\.ready:1\|c$/,
      /^nodepool\.launch\.provider\.cloud\.ready:\d+\|ms$/,
      /^nodepool\.launch\.requestor\.zuul_one_1\.ready:1\|c$/,
      /^nodepool\.launch\.provider\.broken\.error\.\w+:1\|c$/,
      /^nodepool\.nodes\.ready:\d+\|g$/,
      /^nodepool\.nodes\.aborted:0\|g$/,
      /^nodepool\.provider\.cloud\.nodes\.ready:1\|g$/,
      /^nodepool\.provider\.broken\.nodes\.ready:0\|g$/,
      /^nodepool\.label\.small\.nodes\.ready:1\|g$/,
      /^nodepool\.provider\.cloud\.pool\.main\.addressable_requests:\d+\|g$/,
      /^nodepool\.provider\.cloud\.max_servers:4\|g$/,
      /^nodepool\.tenant_limits\.blue_team\.cores:40\|g$/,
    ];
    for (const pattern of expected) {
      await statsd.heard(pattern);
      t.pass(String(pattern));
    }
    t.notOk(
      statsd.lines.find((line) => /:-?(inf|nan)/i.test(line)),
      'no limit without an end is sent',
    );
  });

  await t.test('every query of the dashboard and the alerts reads series that are there', async (t) => {
    const series = seriesOf(text);
    const contrib = (path: string) =>
      readFileSync(new URL(`../../../contrib/${path}`, import.meta.url), 'utf8');
    const dashboard = JSON.parse(contrib('grafana/sf-nodepool.json')) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    const alerts = parse(contrib('prometheus/alerts.yaml')) as {
      groups: { rules: { alert: string; expr: string }[] }[];
    };
    const queries = [
      ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr }))),
      ...alerts.groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ title: alert, expr }))),
    ];
    t.ok(queries.length > 20);
    for (const { title, expr } of queries) {
      const selectors = selectorsOf(expr);
      t.not(selectors.length, 0, `${title} reads something`);
      for (const { metric, labels } of selectors) {
        const found = series.get(metric)?.some((names) => labels.every((label) => names.includes(label)));
        t.ok(found, `${title}: ${metric} with ${labels.join(', ')}`);
      }
    }
  });
});

t.test('a statsd server that cannot be found and a wrong port are told, and nodes are served', async (t) => {
  const dir = tempDir(t);
  const config = join(dir, 'nodepool.yaml');
  const labels = { small: { 'min-ready': 1 } };
  writeFileSync(
    config,
    fakeConfig({
      providers: { cloud: { pools: { main: { labels: ['small'] } } } },
      labels,
      more: { 'state-dir': join(dir, 'state') },
    }),
  );
  const args = ['-f', '-c', config, '--log-file', 'none'];
  const lost = startLauncherProcess(t, args, { STATSD_HOST: 'no-such-host.invalid' });
  await lost.wrote('metrics cannot be sent to statsd');
  await lost.wrote('node ready');
  lost.kill('SIGKILL');
  await lost.ended;
  const wrong = startLauncherProcess(t, args, { STATSD_PORT: 'eight' });
  await wrong.wrote('STATSD_PORT: expected a port number (1–65535), found');
  await wrong.wrote('launcher started');
});
