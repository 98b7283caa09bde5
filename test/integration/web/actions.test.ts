/** What can be done from the web, and what keeps it from being done by anybody. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { fakeConfig } from '../../support/fake-config.ts';
import { tempDir } from '../../support/temp.ts';
import { startTestWeb } from '../../support/web.ts';

const yaml = fakeConfig({
  providers: { cloud: { pools: { main: { 'max-servers': 3, labels: ['small'] } } } },
});
const TOKEN = 'a-token-that-is-long-enough';
const authorized = { authorization: `Bearer ${TOKEN}`, 'x-nodepool-user': 'ann' };

function tokenFile(t: Test, text = `${TOKEN}\n`): string {
  const path = join(tempDir(t), 'token');
  writeFileSync(path, text, { mode: 0o640 });
  return path;
}

t.test('a node is held with reason and time, and deleted; the log says who did it', async (t) => {
  const { test, post, logged } = await startTestWeb(t, yaml, { tokenFile: tokenFile(t) });
  const { value } = await test.fulfilled(['small']);
  const [id = ''] = value.nodes;
  const held = await post(`/api/v1/nodes/${id}/hold`, { reason: 'look at <this>', for: 3600 }, authorized);
  t.equal(held.status, 200);
  t.match(held.json(), { id, state: 'hold', comment: 'look at <this>' });
  t.match(test.nodes.entries.get(id)?.value, { state: 'hold', holdExpirationS: 3600 });

  t.equal((await post(`/api/v1/nodes/${id}/delete`, undefined, authorized)).status, 200);
  await test.wait(() => !test.nodes.entries.has(id), 'the node to be deleted');
  const gone = await post(`/api/v1/nodes/${id}/delete`, undefined, authorized);
  t.equal(gone.status, 404);
  const done = logged.filter(({ message }) => message === 'done for an operator on the web');
  t.match(done, [
    { fields: { action: 'hold a node', id, who: 'ann', from: '127.0.0.1' } },
    { fields: { action: 'delete a node', id, who: 'ann' } },
  ]);
  t.notMatch(JSON.stringify(logged), TOKEN);
});

t.test('pools and providers are drained and taken back', async (t) => {
  const { test, post } = await startTestWeb(t, yaml, { tokenFile: tokenFile(t) });
  const draining = () => [...test.pools.entries.values()][0]?.value.draining;
  const act = async (path: string) => (await post(`/api/v1${path}`, undefined, authorized)).json();
  await test.wait(() => draining() === false, 'the pool to be known');
  t.strictSame(await act('/pools/cloud/main/drain'), { draining: true });
  await test.wait(() => draining() === true, 'the pool to be drained');
  t.strictSame(await act('/providers/cloud/drain'), { draining: true });
  t.strictSame(await act('/pools/cloud/main/undrain'), { draining: true });
  t.strictSame(await act('/providers/cloud/undrain'), { draining: false });
  await test.wait(() => draining() === false, 'the pool to be back');
  t.match(await act('/pools/cloud/other/drain'), { error: 'no running launcher serves cloud/other' });
});

t.test('without the token, with a wrong one, or with none configured, nothing is done', async (t) => {
  const { test, post, logged } = await startTestWeb(t, yaml, { tokenFile: tokenFile(t) });
  const { value } = await test.fulfilled(['small']);
  const path = `/api/v1/nodes/${value.nodes[0]}/hold`;
  t.equal((await post(path)).status, 401);
  t.equal((await post(path, {}, { authorization: 'Bearer wrong' })).status, 401);
  t.equal((await post(path, {}, { authorization: `Basic ${TOKEN}` })).status, 401);
  t.ok(logged.some(({ message }) => message === 'an action on the web came with a wrong token'));

  const without = await startTestWeb(t, yaml);
  const refused = await without.post('/api/v1/nodes/0000000001/delete', {}, authorized);
  t.equal(refused.status, 403);
  t.match(refused.json(), { error: /webapp.token_file is not configured/ });
  t.equal(test.nodes.entries.get(value.nodes[0] ?? '')?.value.state, 'ready');
});

t.test('a token file that cannot be used is named in the log, and a good one counts at once', async (t) => {
  const path = tokenFile(t, 'short');
  const { post, logged, get } = await startTestWeb(t, yaml, { tokenFile: path });
  const said = () => logged.map(({ fields }) => String(fields.error));
  t.match(said(), [/must hold at least 16 characters, found 5/]);
  t.equal((await get('/health')).status, 200);
  const attempt = () => post('/api/v1/nodes/0000000099/delete', {}, authorized);
  writeFileSync(path, TOKEN);
  chmodSync(path, 0o644);
  t.match((await attempt()).json(), { error: /the token file cannot be used/ });
  t.match(said().at(-1), `${path} must not be open to everybody: expected mode 0640, found 0644`);
  chmodSync(path, 0o640);
  t.equal((await attempt()).status, 404);
});

t.test('a node that somebody has, and input that makes no sense, are refused with the reason', async (t) => {
  const { test, post } = await startTestWeb(t, yaml, { tokenFile: tokenFile(t) });
  const { id, value } = await test.fulfilled(['small']);
  await test.use(id);
  const hold = async (body: unknown) => {
    const reply = await post(`/api/v1/nodes/${value.nodes[0]}/hold`, body, authorized);
    return [reply.status, (reply.json() as { error: string }).error];
  };
  t.match(await hold([]), [400, 'expected a JSON object']);
  t.match(await hold({ for: 'ever' }), [400, /^for: expected a whole number/]);
  t.match(await hold({ reason: 7 }), [400, /^reason: expected a text/]);
  t.match(await hold({ reason: 'x'.repeat(20_000) }), [413, /at most 16384 bytes/]);
  t.match(await hold({}), [409, /is locked: in use by a job/]);
});
