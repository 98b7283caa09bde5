/** A launcher that is told to stop while its state store does not answer: it ends all the same. */
import t from 'tap';
import { fakeConfig } from '../../support/fake-config.ts';
import { startTestLauncher } from '../../support/launcher.ts';
import { tempDir } from '../../support/temp.ts';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { startProxy } from '../../support/zookeeper-proxy.ts';

const YAML = fakeConfig({
  providers: { cloud: { pools: { main: { 'max-servers': 3, labels: ['small'] } } } },
});

t.test('a launcher stops without ZooKeeper', { skip: zookeeperMissing() }, async (t) => {
  const zk = await startZooKeeper();
  t.teardown(zk.stop);
  const proxy = await startProxy(zk.servers[0].port);
  t.teardown(proxy.close);
  process.env['TEST_ZOOKEEPER'] = String(proxy.port);
  const test = await startTestLauncher(t, YAML, { dir: tempDir(t) });
  const { id } = await test.fulfilled(['small']);
  await (await test.use(id)).finish();
  proxy.refuse();
  await test.stop();
  t.pass('it has ended');
});
