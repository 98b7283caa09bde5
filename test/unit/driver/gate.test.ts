import fc from 'fast-check';
import t from 'tap';
import { createGate } from '../../../src/driver/gate.ts';

const never = new AbortController().signal;

t.test('admits in order of arrival, and never more than there are places', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.nat(3), { maxLength: 30 }),
      async (places, stays) => {
        const gate = createGate(places);
        const order: number[] = [];
        let inside = 0;
        await Promise.all(
          stays.map(async (ticks, guest) => {
            const leave = await gate.enter(never);
            order.push(guest);
            inside += 1;
            if (inside > places) throw new Error(`${inside} inside`);
            for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
            inside -= 1;
            leave();
          }),
        );
        t.same(order, [...stays.keys()]);
      },
    ),
  );
});

t.test('giving a place back twice counts once', async (t) => {
  const gate = createGate(1);
  const leave = await gate.enter(never);
  leave();
  leave();
  await gate.enter(never);
  let entered = false;
  void gate.enter(never).then(() => (entered = true));
  await new Promise((resolve) => setImmediate(resolve));
  t.notOk(entered);
});

t.test('who gives up in the queue takes no place and holds up nobody', async (t) => {
  const gate = createGate(1);
  const leave = await gate.enter(never);
  const impatient = new AbortController();
  const givenUp = gate.enter(impatient.signal);
  const next = gate.enter(never);
  const reason = new Error('not wanted');
  impatient.abort(reason);
  await t.rejects(givenUp, reason);
  leave();
  (await next)();
  await gate.enter(never);
  await t.rejects(gate.enter(AbortSignal.abort(reason)), reason);
});
