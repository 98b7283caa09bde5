/** The web application as part of the launcher's process. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { fakeConfig } from '../../support/fake-config.ts';
import { freePort } from '../../support/free-port.ts';
import { startLauncherProcess } from '../../support/launcher-process.ts';
import { until } from '../../support/poll.ts';
import { tempDir } from '../../support/temp.ts';
import { fetchText } from '../../support/web.ts';

const configOf = (dir: string, port: number) =>
  fakeConfig({
    providers: { cloud: { pools: { main: { 'max-servers': 2, labels: ['small'] } } } },
    labels: { small: { 'min-ready': 1 } },
    more: { 'state-dir': join(dir, 'state'), webapp: { port, listen_address: '127.0.0.1' } },
  });

t.test('the launcher serves its web application, and ends it in order', async (t) => {
  const dir = tempDir(t);
  const port = await freePort();
  const config = join(dir, 'nodepool.yaml');
  writeFileSync(config, configOf(dir, port));
  const launcher = startLauncherProcess(t, ['-f', '-c', config, '--log-file', 'none'], {}, { webapp: true });
  await launcher.wrote('the web application is served');
  await until(async () => (await fetchText(port, 'GET', '/ready')).status === 200, {
    timeoutMs: 30_000,
    what: '/ready to say OK',
  });
  await until(
    async () =>
      (await fetchText(port, 'GET', '/node-list?state=ready&fields=state')).text.includes('| ready |'),
    {
      timeoutMs: 30_000,
      what: 'the spare node to be ready',
    },
  );
  launcher.kill('SIGTERM');
  t.equal((await launcher.ended).code, 0);
  await t.rejects(fetchText(port, 'GET', '/health'), { code: 'ECONNREFUSED' });
});

t.test('with --no-webapp no port is opened', async (t) => {
  const dir = tempDir(t);
  const port = await freePort();
  const config = join(dir, 'nodepool.yaml');
  writeFileSync(config, configOf(dir, port));
  const launcher = startLauncherProcess(t, ['-f', '--no-webapp', '-c', config, '--log-file', 'none']);
  await launcher.wrote('launcher started');
  await t.rejects(fetchText(port, 'GET', '/health'), { code: 'ECONNREFUSED' });
  t.notMatch(launcher.output(), 'web application');
});
