import t from 'tap';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { testImages } from './contract-images.ts';
import { testStore } from './contract.ts';
import { zookeeperStore } from './zookeeper-place.ts';

const missing = zookeeperMissing();
if (missing === false) {
  const zk = await startZooKeeper();
  t.teardown(zk.stop);
  testStore(t, zookeeperStore(zk));
  testImages(t, zookeeperStore(zk));
} else {
  t.test('the store in ZooKeeper', { skip: missing }, () => undefined);
}
