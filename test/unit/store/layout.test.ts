import fc from 'fast-check';
import t from 'tap';
import {
  pathOf,
  readHead,
  readQueue,
  readRecord,
  sessionOf,
  splitPath,
  writeRecord,
} from '../../../src/store/embedded/layout.ts';

t.test('a record is read as it was written, whatever its text', async () => {
  const record = fc.record(
    {
      version: fc.nat(),
      createdMs: fc.nat(),
      modifiedMs: fc.nat(),
      session: fc.option(
        fc.nat().map((number) => number.toString(16)),
        { nil: undefined },
      ),
      text: fc.string(),
    },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(record, (raw) => t.strictSame(readRecord(writeRecord(raw)), raw)));
});

t.test('a path is the collection up to the first slash, and the id', async (t) => {
  t.same(splitPath(pathOf('nodes', '0000000001')), ['nodes', '0000000001']);
});

t.test('an empty database has no commits', async (t) => {
  t.same(readHead(undefined), { commit: 0, version: 0 });
  t.same(readHead('12 345'), { commit: 12, version: 345 });
});

t.test('a queue is its contenders in order', async (t) => {
  t.same(readQueue(undefined), []);
  t.same(readQueue('ab.1 cd.22'), ['ab.1', 'cd.22']);
  t.equal(sessionOf('cd.22'), 'cd');
});
