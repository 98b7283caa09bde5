/** Bytes that are kept are those that would be made anew, whatever has changed meanwhile. */
import fc from 'fast-check';
import t from 'tap';
import type { Clock } from '../../../src/clock.ts';
import { makeNode, type Node } from '../../../src/model/node.ts';
import { allNodeColumns } from '../../../src/operator/node-columns.ts';
import { toObjects } from '../../../src/operator/table.ts';
import type { Entry } from '../../../src/store/store.ts';
import { createListBytes, type RecordForm } from '../../../src/web/list-bytes.ts';
import { documentedNode } from '../../../src/web/node-json.ts';
import { nodeJson, nodeRecord } from '../../../src/web/records.ts';

const START_S = 1_764_270_000;

/** Time stands still; what is to come later is called by the test. */
function stillClock() {
  const later: (() => void)[] = [];
  const clock: Clock = {
    nowMs: () => START_S * 1000,
    sleep: () => Promise.reject(new Error('nothing here sleeps')),
    after(_delayMs, call) {
      later.push(call);
      return () => void later.splice(later.indexOf(call), 1);
    },
  };
  return { clock, later };
}

function entryOf(id: string, given: Partial<Node> = {}, version = 1): Entry<Node> {
  const value = makeNode({ stateTimeS: START_S - Number(id) * 977, type: ['small'], ...given });
  return { id, version, locked: version % 2 === 0, createdMs: 0, modifiedMs: 0, value };
}

const idOf = (number: number) => String(number).padStart(10, '0');
const textOf = (parts: readonly Buffer[]) => `[${Buffer.concat([...parts]).toString()}]`;
const plainText = (entries: readonly Entry<Node>[]) => JSON.stringify(entries.map(nodeRecord));
const documentedText = (entries: readonly Entry<Node>[], nowS: number) =>
  JSON.stringify(toObjects(allNodeColumns(nowS), entries));

t.test('whatever changes, comes, goes or is left out, kept bytes are as fresh ones', async (t) => {
  const step = fc.record({
    changed: fc.array(fc.nat(449), { maxLength: 5 }),
    gone: fc.array(fc.nat(449), { maxLength: 5 }),
    come: fc.array(fc.nat(449), { maxLength: 5 }),
    chosen: fc.constantFrom('all', 'even', 'a third', 'few'),
    laterS: fc.constantFrom(0, 0.4, 1, 3_600, 90 * 86_400, -500),
    comment: fc.string({ unit: 'binary' }),
  });
  const choices: Record<string, (entry: Entry<Node>) => boolean> = {
    all: () => true,
    even: ({ id }) => Number(id) % 2 === 0,
    'a third': ({ id }) => Number(id) >= 300,
    few: ({ id }) => Number(id) % 200 === 7,
  };
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const { clock } = stillClock();
      const plain = createListBytes({ before: nodeJson }, clock);
      const documented = createListBytes(documentedNode, clock);
      const state = new Map(Array.from({ length: 450 }, (_, number) => [number, entryOf(idOf(number))]));
      let nowS = START_S;
      for (const { changed, gone, come, chosen, laterS, comment } of steps) {
        for (const number of gone) state.delete(number);
        for (const number of come) state.set(number, entryOf(idOf(number), { comment }));
        for (const number of changed) {
          const entry = state.get(number);
          if (entry) state.set(number, entryOf(idOf(number), { comment, state: 'hold' }, entry.version + 1));
        }
        nowS += laterS;
        const all = [...state.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
        const wanted = all.filter(choices[chosen] as (entry: Entry<Node>) => boolean);
        const made = textOf(plain.read(all, wanted, nowS));
        if (made !== plainText(wanted)) throw new Error(`expected ${plainText(wanted)}, found ${made}`);
        const aged = textOf(documented.read(all, wanted, nowS));
        if (aged !== documentedText(wanted, nowS))
          throw new Error(`expected ${documentedText(wanted, nowS)}, found ${aged}`);
      }
    }),
    { numRuns: 15 },
  );
  t.pass('all lists were equal');
});

t.test('ids of any form and length', async (t) => {
  const { clock } = stillClock();
  const ids = ['', 'a', 'ab', 'abc', 'b', 'ä€', ...Array.from({ length: 200 }, (_, n) => `x${n}`)].sort();
  const all = ids.map((id) => entryOf(id, { stateTimeS: START_S }));
  const list = createListBytes({ before: nodeJson }, clock);
  for (let round = 0; round < 2; round += 1) t.equal(textOf(list.read(all, all, START_S)), plainText(all));
  t.equal(textOf(list.read([], [], START_S)), '[]');
});

t.test('each record is made once, and again when it has changed', async (t) => {
  const { clock, later } = stillClock();
  const made: string[] = [];
  const form: RecordForm<Node> = { before: (entry) => (made.push(entry.id), nodeJson(entry)) };
  const list = createListBytes(form, clock);
  const all = Array.from({ length: 1_000 }, (_, number) => entryOf(idOf(number)));
  list.read(all, all, START_S);
  t.equal(made.length, 1_000);
  const first = list.read(all, all, START_S);
  t.equal(made.length, 1_000);
  t.equal(list.read(all, all, START_S)[5], first[5], 'the same buffers again');

  all[512] = entryOf(idOf(512), { comment: 'changed' }, 2);
  all.splice(100, 1);
  made.length = 0;
  t.equal(textOf(list.read(all, all, START_S)), plainText(all));
  t.strictSame(made, [idOf(512)]);

  t.equal(later.length, 1, 'one timer, however often it was read');
  later[0]?.();
  made.length = 0;
  list.read(all, all, START_S);
  t.equal(made.length, 999, 'nothing is kept for long');
});

t.test('an answer that is still being sent does not change', async (t) => {
  const { clock } = stillClock();
  const list = createListBytes(documentedNode, clock);
  const all = Array.from({ length: 300 }, (_, number) => entryOf(idOf(number)));
  const parts = list.read(all, all, START_S);
  const before = textOf(parts);
  list.read(all, all, START_S + 100);
  t.equal(textOf(parts), before);
});
