/** Version 1 of the API: lists, single records, the reasons why requests wait, and that its document tells the truth. */
import Ajv2020 from 'ajv/dist/2020.js';
import t from 'tap';
import { openApi } from '../../../src/web/openapi.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { startTestWeb, type TestWeb } from '../../support/web.ts';

const yaml = fakeConfig({
  providers: { cloud: { pools: { main: { 'max-servers': 2, labels: ['small', 'large'] } } } },
});
type Row = Record<string, unknown>;

/** Checks an answer against the schema that the document has for its path. */
function checkDocumented(path: string, answer: unknown): void {
  const document = openApi('test');
  const get = (document.paths[path] as { get: { responses: Record<string, unknown> } }).get;
  const found = get.responses['200'] as { content: { 'application/json': { schema: object } } };
  const ajv = new Ajv2020.default({ strict: false });
  const schema = { ...found.content['application/json'].schema, components: document.components };
  if (!ajv.validate(schema, answer)) throw new Error(`${path}: ${ajv.errorsText()}`);
}

async function getDocumented({ get }: TestWeb, path: string, documented = path): Promise<Row> {
  const reply = await get(`/api/v1${path}`);
  if (reply.status !== 200) throw new Error(`${path}: ${reply.status} ${reply.text}`);
  const answer = reply.json() as Row;
  checkDocumented(documented.split('?', 1)[0] ?? '', answer);
  return answer;
}

t.test('nodes: all, chosen, page by page, and one', async (t) => {
  const web = await startTestWeb(t, yaml);
  const request = await web.test.fulfilled(['small', 'large']);
  const [first = '', second = ''] = request.value.nodes;
  const all = (await getDocumented(web, '/nodes')) as { nodes: Row[]; next: null };
  t.strictSame(
    all.nodes.map(({ id }) => id),
    [first, second].sort(),
  );
  t.equal(all.next, null);
  t.match(
    all.nodes.find(({ id }) => id === first),
    {
      state: 'ready',
      provider: 'cloud',
      pool: 'main',
      labels: ['small'],
      allocated_to: request.id,
      ssh: /^ssh .*@/,
      locked: false,
    },
  );
  const idsOf = async (query: string) => {
    const { nodes, next } = await getDocumented(web, `/nodes?${query}`);
    return [...(nodes as Row[]).map(({ id }) => id), next];
  };
  t.strictSame(await idsOf('label=large'), [second, null]);
  t.strictSame(await idsOf('state=hold&state=used'), [null]);
  const [one, next] = await idsOf('limit=1');
  t.equal(next, one);
  t.strictSame(await idsOf(`limit=1&after=${String(next)}`), [[first, second].sort()[1], null]);
  t.equal((await getDocumented(web, `/nodes/${first}`, '/nodes/{id}'))['id'], first);
  t.equal((await web.get('/api/v1/nodes/0000009999')).status, 404);
  t.match((await web.get('/api/v1/nodes?limit=0')).json(), { error: /limit: expected a whole number/ });
});

t.test('requests come with the reason why they wait, one with what every pool says', async (t) => {
  const web = await startTestWeb(t, yaml);
  const { test } = web;
  const served = await test.fulfilled(['small', 'small']);
  await test.use(served.id);
  const { id } = await test.request(['large']);
  await test.wait(() => test.decisions.entries.get(id), 'a recorded reason');
  const { requests } = await getDocumented(web, '/requests');
  t.match(requests, [
    { id, state: 'requested', labels: ['large'], reason: /waiting for room in cloud\/main/ },
  ]);
  const one = await getDocumented(web, `/requests/${id}`, '/requests/{id}');
  t.match(one, {
    summary: /waiting for room in cloud\/main/,
    pools: [{ provider: 'cloud', pool: 'main', status: 'at quota', reason: /2 of 2/ }],
    advice: [/oldest node in use/],
  });
  t.strictSame((await getDocumented(web, '/requests?state=failed'))['requests'], []);
});

t.test('pools with their use, limits, nodes and drains', async (t) => {
  const web = await startTestWeb(t, yaml);
  const { test } = web;
  await test.fulfilled(['small']);
  const pool = () => [...test.pools.entries.values()][0]?.value;
  await test.wait(() => pool()?.used['instances'] === 1, 'the pool uses one instance');
  const before = await getDocumented(web, '/pools');
  t.match(before['pools'], [
    {
      provider: 'cloud',
      pool: 'main',
      driver: 'fake',
      labels: ['large', 'small'],
      used: { instances: 1 },
      limits: { instances: 2 },
      draining: false,
      nodes: { ready: 1 },
    },
  ]);
  const drain = { provider: 'cloud', pool: null, createdTimeS: 0, unknown: {} };
  await test.zuul.drains.create(drain, { id: 'cloud' });
  t.match((await getDocumented(web, '/pools'))['pools'], [{ draining: true, provider_drained: true }]);
});

t.test('the document itself can be had', async (t) => {
  const { get } = await startTestWeb(t, yaml);
  const document = (await get('/api/v1/openapi.json')).json() as { openapi: string; paths: object };
  t.equal(document.openapi, '3.1.0');
  t.ok(Object.keys(document.paths).includes('/nodes/{id}/hold'));
});
