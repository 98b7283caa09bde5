import fc from 'fast-check';
import t from 'tap';
import { ServiceError } from '../../../src/openstack/errors.ts';
import type { Section } from '../../../src/openstack/section.ts';
import { createServerReader } from '../../../src/openstack/server-lists.ts';
import type { ListCall, Session } from '../../../src/openstack/session.ts';
import { quickClock } from '../../support/quick-clock.ts';

const never = new AbortController().signal;

type Row = { id: string; status: string; changedMs: number | undefined };

/** Servers as Nova keeps them: deleted ones too, and times of changes in whole seconds, none for one that is new. */
function makeCloud({ aheadMs = 0, refuses = false, tells = true, showsDeleted = false } = {}) {
  const clock = quickClock();
  const rows = new Map<string, Row>();
  const asked: (string | undefined)[] = [];
  const cloudMs = () => Math.floor((clock.nowMs() + aheadMs) / 1000) * 1000;
  const list = ({ query, onDate }: ListCall): Promise<Section[]> => {
    const since = query?.['changes-since'];
    asked.push(since);
    if (since !== undefined && refuses)
      return Promise.reject(new ServiceError('no', { kind: 'refused', status: 400, reason: 'no' }));
    if (tells) onDate?.(cloudMs());
    const shown = [...rows.values()].filter(({ status, changedMs }) =>
      since === undefined
        ? showsDeleted || status !== 'DELETED'
        : changedMs !== undefined && changedMs >= Date.parse(since),
    );
    return Promise.resolve(shown.map(({ id, status }) => ({ id, status })));
  };
  return {
    clock,
    rows,
    asked,
    session: { list } as unknown as Session,
    make: (id: string) => void rows.set(id, { id, status: 'BUILD', changedMs: undefined }),
    change(id: string, status: string) {
      rows.set(id, { id, status, changedMs: cloudMs() });
    },
  };
}

const statuses = (byId: ReadonlyMap<string, Section>) =>
  Object.fromEntries([...byId].map(([id, { status }]) => [id, status]));

t.test(
  'the first list is whole, the next ones are of changes, and twice a minute one is whole',
  async (t) => {
    const { clock, session, asked, change } = makeCloud();
    const read = createServerReader(clock);
    change('a', 'ACTIVE');
    for (let second = 0; second <= 31; second += 1) {
      const { byId } = await read(session, never, false);
      t.same(statuses(byId), { a: 'ACTIVE' });
      await clock.sleep(1000);
    }
    t.same(
      asked.flatMap((since, number) => (since === undefined ? [number] : [])),
      [0, 30],
    );
    await read(session, never, true);
    t.equal(asked.at(-1), undefined, 'as whole as is wanted');
    await read({ ...session }, never, false);
    t.equal(asked.at(-1), undefined, 'what another session showed is no base');
  },
);

t.test('a server is gone when it was shown as deleted, or a whole list lacks it', async (t) => {
  const { clock, session, make, change } = makeCloud();
  const read = createServerReader(clock);
  change('a', 'ACTIVE');
  let servers = await read(session, never, false);
  t.notOk(servers.isGone('a'));
  t.ok(servers.isGone('new'));
  make('new');
  servers = await read(session, never, false);
  t.notOk(servers.isGone('new'), 'Nova does not tell of a new one as a change');
  t.notOk(servers.byId.has('new'));
  change('new', 'ACTIVE');
  change('a', 'DELETED');
  servers = await read(session, never, false);
  t.same(statuses(servers.byId), { new: 'ACTIVE' });
  t.ok(servers.isGone('a'));
  await clock.sleep(60_000);
  servers = await read(session, never, false);
  t.same(statuses(servers.byId), { new: 'ACTIVE' });
  t.ok(servers.isGone('a'));
});

t.test('a server that a whole list shows as deleted is gone', async (t) => {
  const { clock, session, change } = makeCloud({ showsDeleted: true });
  change('a', 'DELETED');
  const { byId, isGone } = await createServerReader(clock)(session, never, true);
  t.equal(byId.size, 0);
  t.ok(isGone('a'));
});

t.test(
  'a cloud that refuses to tell changes, or does not tell the time, is asked for everything',
  async (t) => {
    for (const [kind, calls] of [
      [{ refuses: true }, 4],
      [{ tells: false }, 3],
    ] as const) {
      const { clock, session, asked, change } = makeCloud(kind);
      const read = createServerReader(clock);
      for (const status of ['BUILD', 'ACTIVE', 'ERROR']) {
        change('a', status);
        t.same(statuses((await read(session, never, false)).byId), { a: status });
      }
      t.equal(asked.length, calls);
      t.equal(asked.at(-1), undefined);
    }
  },
);

t.test('changes show what a whole list would, whatever the cloud takes for the time', async (t) => {
  const step = fc.record({
    id: fc.constantFrom('a', 'b', 'c'),
    status: fc.constantFrom('BUILD', 'ACTIVE', 'ERROR', 'DELETED'),
    pauseMs: fc.nat(3000),
    reads: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step), fc.integer({ min: -1e9, max: 1e9 }), async (steps, aheadMs) => {
      const { clock, session, rows, change } = makeCloud({ aheadMs });
      const read = createServerReader(clock);
      let before: string[] = [];
      for (const { id, status, pauseMs, reads } of steps) {
        if (rows.get(id)?.status !== 'DELETED') change(id, status);
        await clock.sleep(pauseMs);
        if (!reads) continue;
        const { byId, isGone } = await read(session, never, false);
        const whole = await createServerReader(clock)(session, never, true);
        t.same(statuses(byId), statuses(whole.byId));
        for (const { id: any, status } of rows.values()) {
          if (isGone(any)) t.equal(status, 'DELETED');
          else if (before.includes(any)) t.ok(byId.has(any), 'who has seen it, sees it go');
        }
        before = [...byId.keys()];
      }
    }),
  );
});
