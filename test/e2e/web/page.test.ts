/** The page as a person sees it, in Chromium, against a running launcher. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { silentLogger } from '../../../src/log.ts';
import { makeBuild } from '../../../src/model/image.ts';
import { makeNode, type Node } from '../../../src/model/node.ts';
import { makeRequest } from '../../../src/model/request.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { noBrowser, openBrowser, openPage } from '../../support/browser.ts';
import { fakeConfig } from '../../support/fake-config.ts';
import { freePort } from '../../support/free-port.ts';
import { startLauncherProcess } from '../../support/launcher-process.ts';
import { tempDir } from '../../support/temp.ts';

const TOKEN = 'a-token-that-is-long-enough';
const HOSTILE = '<img src=x onerror="document.title=1"> \u001b[31m & \u202egnp.exe';
const MANY = 10_000;

t.test('the page in a browser', { skip: noBrowser }, async (t) => {
  const dir = tempDir(t);
  const port = await freePort();
  const stateDir = join(dir, 'state');
  const buildLogDir = join(dir, 'logs');
  const tokenFile = join(dir, 'token');
  const config = join(dir, 'nodepool.yaml');
  writeFileSync(tokenFile, TOKEN, { mode: 0o600 });
  mkdirSync(buildLogDir);
  writeFileSync(
    config,
    fakeConfig({
      providers: { cloud: { pools: { main: { 'max-servers': 2, labels: ['small', 'large'] } } } },
      more: {
        'state-dir': stateDir,
        'build-log-dir': buildLogDir,
        webapp: { port, listen_address: '127.0.0.1', token_file: tokenFile },
      },
    }),
  );
  const launcher = startLauncherProcess(t, ['-f', '-c', config, '--log-file', 'none'], {}, { webapp: true });
  await launcher.wrote('the web application is served');
  await launcher.wrote('launcher started');
  const store = await openEmbeddedStore({ dir: stateDir, log: silentLogger });
  t.teardown(() => store.close());
  const ask = (labels: string[]) =>
    store.requests.create(
      makeRequest({
        stateTimeS: Date.now() / 1000,
        createdTimeS: Date.now() / 1000,
        nodeTypes: labels,
        requestor: 'zuul',
      }),
      { prefix: '200-' },
    );
  const node = (given: Partial<Node>) =>
    store.nodes.create(
      makeNode({ stateTimeS: Date.now() / 1000, provider: 'elsewhere', pool: 'far', ...given }),
    );

  const browser = await openBrowser(t);
  const page = await openPage(t, browser, `http://127.0.0.1:${port}/`);
  await page.getByText('live', { exact: true }).waitFor();
  const row = (id: string) => page.locator('.row', { hasText: id });
  /** Pictures for the documentation, where they are asked for. */
  const picture = async (name: string, of = page) => {
    const target = process.env['NODEPOOL_SCREENSHOTS'];
    if (target !== undefined) await of.screenshot({ path: join(target, `${name}.png`) });
  };

  await t.test('a node shows up as it becomes ready, without a reload', async () => {
    const { id } = await ask(['small']);
    await page.locator('.row', { hasText: 'cloud/main' }).filter({ hasText: 'ready' }).waitFor();
    await page.goto(`http://127.0.0.1:${port}/#/requests`);
    await row(id).filter({ hasText: 'fulfilled' }).waitFor();
  });

  await t.test('a request that waits says why', async () => {
    const { id } = await ask(['small', 'large']);
    await row(id).filter({ hasText: 'waiting for room in cloud/main' }).waitFor();
    await picture('requests');
    await store.requests.remove(id);
    await row(id).waitFor({ state: 'detached' });
  });

  await t.test('the filter, links to what is filtered, and the keyboard', async (t) => {
    await node({ state: 'in-use', type: ['blue'], comment: 'one' });
    await node({ state: 'in-use', type: ['green'], comment: 'two' });
    await page.goto(`http://127.0.0.1:${port}/#/nodes?q=green`);
    await row('green').waitFor();
    await row('blue').waitFor({ state: 'detached' });
    t.equal(await page.locator('#search').inputValue(), 'green');
    await page.locator('body').click({ position: { x: 5, y: 500 } });
    await page.keyboard.press('3');
    await page.getByRole('region', { name: 'cloud/main' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('nothing-like-it');
    await page.getByText('No launcher serves a pool.').waitFor();
    t.match(page.url(), /#\/pools\?q=nothing-like-it$/);
    await page.keyboard.press('Escape');
  });

  await t.test('hostile text is text, and nothing of it runs', async (t) => {
    const { id } = await node({ state: 'hold', type: ['<b>bold</b>'], comment: HOSTILE });
    await page.goto(`http://127.0.0.1:${port}/#/held`);
    const card = page.getByRole('region', { name: `node ${id}` });
    await card.waitFor();
    t.match(await card.innerText(), '<img src=x onerror="document.title=1"> \\x1b[31m & \\u{202e}gnp.exe');
    t.match(await card.innerText(), '<b>bold</b>');
    t.equal(await card.locator('img, b').count(), 0);
    t.equal(await page.title(), 'nodepool');
  });

  await t.test('a held node has its reason, expiry and a command to paste', async (t) => {
    const { id } = await node({
      state: 'hold',
      type: ['small'],
      comment: 'broken test',
      holdExpirationS: 7200,
      interfaceIp: '192.0.2.7',
      connectionPort: 22_023,
      connectionType: 'ssh',
      username: 'zuul-worker',
    });
    const card = page.getByRole('region', { name: `node ${id}` });
    await card.waitFor();
    t.match(
      await card.innerText(),
      /broken test[\s\S]*held for \d+ s, expires in (1 h 59 min|2 h|119 min|120 min)/,
    );
    t.equal(await card.locator('code.ssh').innerText(), 'ssh -p 22023 zuul-worker@192.0.2.7');
    await picture('held');
  });

  await t.test(
    'there are no actions without a token, a wrong one is refused, and the right one works',
    async (t) => {
      const { id } = await node({ state: 'used', type: ['precious'] });
      await store.nodes.lock(id); // nobody else deletes it
      const mine = await node({ state: 'hold', type: ['mine'] });
      await page.goto(`http://127.0.0.1:${port}/#/pools`);
      const pool = page.getByRole('region', { name: 'cloud/main' });
      await pool.waitFor();
      t.equal(await page.locator('button.action').count(), 0);
      await page.getByLabel('token for actions').fill('wrong');
      await pool.getByRole('button', { name: 'drain', exact: true }).click();
      await page.getByText('the token is wrong').waitFor();
      await page.getByLabel('token for actions').fill(TOKEN);
      await page.getByLabel('your name, for the log').fill('Zoë');
      await pool.getByRole('button', { name: 'drain', exact: true }).click();
      await pool.getByText('draining', { exact: true }).waitFor();
      await picture('pools');
      await pool.getByRole('button', { name: 'undrain' }).click();
      await pool.getByText('draining', { exact: true }).waitFor({ state: 'detached' });

      await page.evaluate("location.hash = '#/nodes?q=mine'");
      page.once('dialog', (dialog) => void dialog.accept());
      await row(mine.id).getByRole('button', { name: 'delete' }).click();
      await page.getByText(`node ${mine.id} is being deleted`).waitFor();
      await launcher.wrote('Zoë');
    },
  );

  await t.test('an image whose build failed shows why, with the end of the log', async () => {
    const id = 'debian/0123456789abcdef0123456789abcdef';
    writeFileSync(join(buildLogDir, `${id.replace('/', '-')}.log`), 'a\nmirror: no space left\n');
    await store.builds.create(
      makeBuild({ state: 'failed', stateTimeS: Date.now() / 1000, error: 'exit code 1' }),
      { id },
    );
    await page.evaluate("location.hash = '#/images'");
    const card = page.getByRole('region', { name: 'image debian' });
    await card.getByText('exit code 1').waitFor();
    await card.getByText('mirror: no space left').waitFor();
    await picture('images');
  });

  await t.test('plots are drawn', async () => {
    await page.evaluate("location.hash = '#/plots'");
    await page.locator('figure canvas').nth(3).waitFor();
    await picture('plots');
    await page.evaluate("location.hash = '#/plots?range=week'");
    await page.locator('a.chosen', { hasText: 'last week' }).waitFor();
  });

  await t.test(
    `${MANY} nodes: only those in sight exist, the list scrolls to its end, and stays live`,
    async (t) => {
      for (let made = 0; made < MANY; made += 500)
        await Promise.all(Array.from({ length: 500 }, () => node({ state: 'in-use', type: ['many'] })));
      const second = await openPage(t, browser, `http://127.0.0.1:${port}/#/nodes?q=many`);
      await second.getByText(new RegExp(`^${MANY} of \\d+ nodes`)).waitFor();
      const rows = await second.locator('.row').count();
      t.ok(rows > 5 && rows < 100, `${rows} rows`);
      const scrollTo = (place: string) =>
        second.evaluate(`((list) => list.scrollTo(0, ${place}))(document.querySelector('.list'))`);
      await scrollTo('list.scrollHeight');
      await second.locator('.row').last().waitFor();
      const last = await node({ state: 'in-use', type: ['many'] });
      await second.getByText(new RegExp(`^${MANY + 1} of \\d+ nodes`)).waitFor();
      await scrollTo('0');
      await second.locator('.row', { hasText: last.id }).waitFor();
      await picture('nodes', second);
      await second.setViewportSize({ width: 390, height: 800 });
      const width = await second.evaluate<number>('document.documentElement.scrollWidth');
      t.ok(width <= 390, `nothing hangs over on a telephone: ${width}`);
    },
  );

  await t.test('when the launcher comes back, the page is live again', async () => {
    launcher.kill('SIGKILL');
    await launcher.ended;
    await page.getByText('lost', { exact: true }).waitFor();
    const again = startLauncherProcess(t, ['-f', '-c', config, '--log-file', 'none'], {}, { webapp: true });
    await again.wrote('the web application is served');
    await page.getByText('live', { exact: true }).waitFor();
  });
});
