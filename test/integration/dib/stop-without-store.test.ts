/** A builder that is told to stop during a build while its state store does not answer: both end all the same. */
import t from 'tap';
import { STAND_IN } from '../../support/builder.ts';
import { buildProcesses, makeBuilderPlace, startBuilderProcess } from '../../support/builder-process.ts';
import { until } from '../../support/poll.ts';
import { startZooKeeper, zookeeperMissing } from '../../support/zookeeper.ts';
import { startProxy } from '../../support/zookeeper-proxy.ts';

const LONG = { timeoutMs: 60_000 };

t.test('a builder stops without ZooKeeper', { skip: zookeeperMissing() }, async (t) => {
  const zk = await startZooKeeper();
  t.teardown(zk.stop);
  const proxy = await startProxy(zk.servers[0].port);
  t.teardown(proxy.close);
  const place = makeBuilderPlace(t);
  place.configure(
    { name: 'debian', 'dib-cmd': STAND_IN, formats: ['raw'], 'env-vars': { STAND_IN_HANG: 'yes' } },
    { 'state-dir': undefined, 'zookeeper-servers': [{ host: '127.0.0.1', port: proxy.port }] },
  );
  const builder = startBuilderProcess(t, place);
  await until(() => place.log().includes('hanging'), LONG);
  proxy.refuse();
  builder.child.kill('SIGTERM');
  t.equal(await builder.ended, 0, builder.output());
  t.match(builder.output(), /the state store is away/);
  t.same(buildProcesses(place.images), []);
});
