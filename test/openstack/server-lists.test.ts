/** What a real Nova shows to one who asks for changes only. */
import t from 'tap';
import { systemClock } from '../../src/clock.ts';
import { textOf } from '../../src/openstack/section.ts';
import { createServerReader } from '../../src/openstack/server-lists.ts';
import {
  createServer,
  deleteServer,
  findImages,
  listFlavors,
  listNetworks,
} from '../../src/openstack/services.ts';
import type { Session } from '../../src/openstack/session.ts';
import { until } from '../support/poll.ts';
import { openAccount, skip } from '../support/testcloud.ts';
import { isEmpty, patient, WAIT_MS } from '../support/testcloud-launcher.ts';

t.setTimeout(0); // The suite's limit applies.

t.test('a server comes to life and goes without another whole list', { skip }, async (t) => {
  const account = await openAccount(t);
  const signal = AbortSignal.timeout(WAIT_MS);
  const isWhole: boolean[] = [];
  const session: Session = {
    ...account.session,
    list(call) {
      isWhole.push(call.query?.['changes-since'] === undefined);
      return account.session.list(call);
    },
  };
  const stopped = { ...systemClock, nowMs: () => 0 }; // no time passes after which a whole list would be due
  const read = createServerReader(stopped);
  const look = () => read(session, signal, false);
  await look();

  const [flavors, networks, images] = await Promise.all([
    listFlavors(account.session, signal),
    listNetworks(account.session, signal),
    findImages(account.session, 'small-raw', signal),
  ]);
  const wanted = {
    name: 'changes',
    flavorRef: flavors.find(({ name }) => name === 'm1.tiny')?.id,
    imageRef: textOf(images[0]?.['id']),
    networks: [{ uuid: networks.find(({ name }) => name === 'private')?.id }],
  };
  const id = await createServer(account.session, wanted, signal);
  t.teardown(() => deleteServer(account.session, id, AbortSignal.timeout(WAIT_MS)));
  const statuses = new Set<string>();
  await until(async () => {
    const { byId, isGone } = await look();
    t.notOk(isGone(id));
    statuses.add(textOf(byId.get(id)?.['status']));
    return statuses.has('ACTIVE');
  }, patient);
  t.ok([...statuses].every((status) => ['', 'BUILD', 'ACTIVE'].includes(status)));

  await deleteServer(account.session, id, signal);
  await until(async () => (await look()).isGone(id), patient);
  t.notOk((await look()).byId.has(id));
  t.same(
    isWhole.flatMap((whole, number) => (whole ? [number] : [])),
    [0],
    'only the first one',
  );
  await until(() => isEmpty(account), patient);
});
