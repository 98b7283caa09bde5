/** The launcher's tests once more, with the state in ZooKeeper. */
import t from 'tap';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';

const missing = zookeeperMissing();
if (missing === false) {
  const zk = await startZooKeeper();
  t.teardown(zk.stop);
  process.env['TEST_ZOOKEEPER'] = String(zk.servers[0].port);
  await import('./cancel.test.ts');
  await import('./failures.test.ts');
  await import('./locked.test.ts');
  await import('./order.test.ts');
  await import('./quota.test.ts');
  await import('./ready.test.ts');
  await import('./reload.test.ts');
  await import('./requests.test.ts');
  await import('./static.test.ts');
  await import('./together.test.ts');
} else {
  t.test('the launcher over ZooKeeper', { skip: missing }, () => undefined);
}
