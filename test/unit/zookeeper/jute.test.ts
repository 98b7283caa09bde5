import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { ProtocolError, TooLargeError } from '../../../src/zookeeper/errors.ts';
import { FrameSplitter } from '../../../src/zookeeper/wire/frame-splitter.ts';
import { decodeConnectResponse } from '../../../src/zookeeper/wire/handshake.ts';
import { JuteReader } from '../../../src/zookeeper/wire/jute-reader.ts';
import { JuteWriter } from '../../../src/zookeeper/wire/jute-writer.ts';
import { readAcl, readNames, readStat, writeAcl } from '../../../src/zookeeper/wire/records.ts';

const int = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const bytes = fc.uint8Array({ maxLength: 9000 });
const text = fc.string({ unit: 'grapheme', maxLength: 3000 });

const field = fc.oneof(
  fc.record({ kind: fc.constant('int' as const), value: int }),
  fc.record({ kind: fc.constant('long' as const), value: long }),
  fc.record({ kind: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({ kind: fc.constant('string' as const), value: text }),
  fc.record({ kind: fc.constant('bytes' as const), value: bytes }),
  fc.record({ kind: fc.constant('names' as const), value: fc.array(text, { maxLength: 20 }) }),
);

t.test('what is written is read back, whatever the fields', async () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 30 }), (fields) => {
      const writer = new JuteWriter(16);
      for (const { kind, value } of fields) {
        if (kind === 'int') writer.int(value);
        else if (kind === 'long') writer.long(value);
        else if (kind === 'bool') writer.bool(value);
        else if (kind === 'string') writer.string(value);
        else if (kind === 'bytes') writer.bytes(value);
        else writer.vector(value, (name) => writer.string(name));
      }
      const reader = new JuteReader(writer.take());
      for (const { kind, value } of fields) {
        if (kind === 'names') assert.deepEqual(readNames(reader), value);
        else if (kind === 'bytes') assert.ok(reader.bytes().equals(value));
        else assert.equal(reader[kind](), value);
      }
      assert.equal(reader.left, 0);
    }),
    { numRuns: 200 },
  );
});

t.test('bytes handed out are not touched by what is written later', async (t) => {
  for (const size of [10, 5000, 100_000]) {
    const writer = new JuteWriter();
    writer.string('a'.repeat(size));
    const taken = writer.take();
    const before = Buffer.from(taken);
    writer.string('b'.repeat(size));
    t.ok(taken.equals(before), `after ${size} characters`);
  }
});

t.test('a dropped frame leaves the frames before it alone', async (t) => {
  const writer = new JuteWriter();
  writer.beginFrame();
  writer.string('kept');
  writer.endFrame();
  writer.beginFrame();
  writer.string('dropped');
  t.equal(writer.endFrame(), 11);
  writer.dropFrame();
  t.equal(writer.take().toString('latin1'), '\0\0\0\x08\0\0\0\x04kept');
});

t.test('lengths that lie throw instead of allocating or reading beyond the frame', async (t) => {
  const frameOf = (...values: number[]) => {
    const buffer = Buffer.alloc(values.length * 4);
    values.forEach((value, index) => buffer.writeInt32BE(value, index * 4));
    return new JuteReader(buffer);
  };
  t.throws(() => frameOf(0x7fff_ffff).string(), ProtocolError);
  t.throws(() => frameOf(-2).bytes(), ProtocolError);
  t.throws(() => frameOf(0x7fff_ffff, 0).vector(() => 1), ProtocolError);
  t.throws(() => readAcl(frameOf(2, 31, 1)), ProtocolError);
  t.throws(() => readStat(frameOf(1, 2, 3)), ProtocolError);
  t.throws(() => decodeConnectResponse(Buffer.alloc(10)), ProtocolError);
  t.equal(frameOf(-1).bytes().length, 0, 'null data is empty');
  t.strictSame(
    frameOf(-1).vector(() => 1),
    [],
    'a null list is empty',
  );
});

t.test('random bytes never do worse than ProtocolError', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
      for (const read of [readStat, readAcl, readNames]) {
        try {
          read(new JuteReader(Buffer.from(random)));
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }
    }),
    { numRuns: 300 },
  );
});

t.test('access control lists and times survive', async (t) => {
  const acl = [{ permissions: 31, scheme: 'digest', id: 'user:hash=' }];
  const writer = new JuteWriter();
  writeAcl(writer, acl);
  writer.long(1_795_385_037_816n);
  writer.long(-5n);
  const reader = new JuteReader(writer.take());
  t.strictSame(readAcl(reader), acl);
  t.equal(reader.longAsNumber(), 1_795_385_037_816);
  t.equal(reader.longAsNumber(), -5);
});

t.test('frames come out whole however the stream is cut', async () => {
  const chunksOf = (stream: Buffer, cuts: number[]) => {
    const places = [...new Set(cuts.map((cut) => cut % (stream.length + 1)))].sort((a, b) => a - b);
    return [0, ...places].map((from, index) => stream.subarray(from, places[index] ?? stream.length));
  };
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 12 }),
      fc.array(fc.nat({ max: 40_000 }), { maxLength: 30 }),
      (payloads, cuts) => {
        const writer = new JuteWriter();
        for (const payload of payloads) writer.bytes(payload);
        const splitter = new FrameSplitter(3000);
        const frames: Buffer[] = [];
        for (const chunk of chunksOf(writer.take(), cuts)) {
          splitter.push(chunk);
          for (let frame = splitter.next(); frame; frame = splitter.next()) frames.push(frame);
        }
        assert.equal(frames.length, payloads.length);
        frames.forEach((frame, index) => assert.ok(frame.equals(payloads[index] as Uint8Array)));
      },
    ),
    { numRuns: 200 },
  );
});

t.test('a frame of negative or too large length is refused at once', async (t) => {
  const startingWith = (size: number) => {
    const splitter = new FrameSplitter(1000);
    const head = Buffer.alloc(4);
    head.writeInt32BE(size);
    splitter.push(head);
    return splitter;
  };
  t.throws(() => startingWith(-1).next(), ProtocolError);
  t.throws(() => startingWith(1001).next(), TooLargeError);
  t.throws(() => startingWith(0x4854_5450).next(), TooLargeError, 'an HTTP server');
  t.equal(startingWith(1000).next(), undefined);
});
