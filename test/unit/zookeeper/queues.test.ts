import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { OrderedQueue } from '../../../src/zookeeper/recipes/ordered-queue.ts';
import { Tree } from '../../../src/zookeeper/recipes/tree.ts';
import { WalkWindow } from '../../../src/zookeeper/recipes/walk-window.ts';
import { Queue } from '../../../src/zookeeper/session/queue.ts';

t.test('a queue gives back what went in, first in first out', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(), fc.constantFrom('shift', 'remove')), { maxLength: 4000 }),
      (steps) => {
        const queue = new Queue<number>();
        const model: number[] = [];
        for (const step of steps) {
          if (step === 'shift') assert.equal(queue.shift(), model.shift());
          else if (step === 'remove') {
            const index = model.findIndex((value) => value % 3 === 0);
            assert.equal(
              queue.remove((value) => value % 3 === 0),
              index < 0 ? undefined : model.splice(index, 1)[0],
            );
          } else {
            queue.push(step);
            model.push(step);
          }
          assert.equal(queue.size, model.length);
          assert.equal(queue.peek(), model[0]);
        }
        assert.deepEqual(queue.drain(), model);
        assert.equal(queue.size, 0);
      },
    ),
    { numRuns: 20 },
  );
});

t.test('a queue stays small while much goes through', async (t) => {
  const queue = new Queue<number>();
  for (let value = 0; value < 10_000; value++) {
    queue.push(value);
    if (value >= 10) assert.equal(queue.shift(), value - 10);
  }
  t.equal(queue.drain().length, 10);
});

t.test('work started at once takes effect in the order of queueing', async (t) => {
  const queue = new OrderedQueue();
  const done: string[] = [];
  const finish: (() => void)[] = [];
  const add = (name: string) =>
    queue.add(async () => {
      await new Promise<void>((resolve) => finish.push(resolve));
      return (isVoid) => void done.push(isVoid ? `${name} void` : name);
    });
  add('a');
  const b = add('b');
  queue.addReady(() => void done.push('barrier'));
  add('c');
  finish[2]?.();
  finish[1]?.();
  b.isVoid = true;
  await new Promise(setImmediate);
  t.strictSame(done, []);
  finish[0]?.();
  await new Promise(setImmediate);
  t.strictSame(done, ['a', 'b void', 'barrier', 'c']);
});

t.test('a tree knows children, and forgets whole branches leaves first', async (t) => {
  const tree = new Tree('/r');
  const put = (path: string) => tree.put({ path, data: Buffer.from(path), stat: undefined });
  ['/r', '/r/a', '/r/a/b', '/r/a/c', '/r/d'].forEach(put);
  t.strictSame([...tree.childrenOf('/r')], ['a', 'd']);
  t.strictSame(
    tree.remove('/r/a').map(({ path }) => path),
    ['/r/a/b', '/r/a/c', '/r/a'],
  );
  t.strictSame([...tree.childrenOf('/r')], ['d']);
  t.strictSame(tree.remove('/r/a'), []);
  t.equal(tree.size, 2);
});

t.test('a walk goes on a limited number of reads at a time and tells when all are done', async (t) => {
  let ended = 0;
  const walk = new WalkWindow(() => ended++);
  let started = 0;
  walk.add(() => started++);
  for (let index = 0; index < 1000; index++) walk.add(() => started++);
  t.equal(started, 256);
  for (let index = 0; index < 1000; index++) walk.done();
  t.equal(started, 1001);
  t.equal(ended, 0);
  walk.done();
  t.equal(ended, 1);
  t.ok(walk.isDone);
});
