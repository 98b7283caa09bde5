import t from 'tap';
import {
  BadArgumentsError,
  ErrorCode,
  errorOfCode,
  NoNodeError,
  ProtocolError,
  TransactionError,
  ZooKeeperError,
} from '../../../src/zookeeper/errors.ts';
import { createOpcode } from '../../../src/zookeeper/wire/create.ts';
import { JuteReader } from '../../../src/zookeeper/wire/jute-reader.ts';
import { JuteWriter } from '../../../src/zookeeper/wire/jute-writer.ts';
import { type Operation, readMulti } from '../../../src/zookeeper/wire/multi.ts';
import { OpCode } from '../../../src/zookeeper/wire/opcodes.ts';

const operations: Operation[] = [
  { op: 'check', path: '/a' },
  { op: 'delete', path: '/b' },
  { op: 'create', path: '/c' },
];

/** An answer made of result types, each followed by its body. */
function answer(...results: [type: number, body?: number | string][]): JuteReader {
  const writer = new JuteWriter();
  for (const [type, body] of [...results, [-1] as [number]]) {
    writer.int(type);
    writer.bool(body === undefined && type === -1);
    writer.int(-1);
    if (typeof body === 'number') writer.int(body);
    if (typeof body === 'string') writer.string(body);
  }
  return new JuteReader(writer.take());
}

const same = (path: string) => path;

t.test('results come in the order of the operations', async (t) => {
  const results = readMulti(
    answer([OpCode.check], [OpCode.delete], [OpCode.create, '/c7']),
    operations,
    same,
  );
  t.strictSame(results, [undefined, undefined, { path: '/c7', stat: undefined }]);
});

t.test('a failed transaction names the operation at fault and its error', async (t) => {
  const reader = answer([-1, 0], [-1, ErrorCode.noNode], [-1, ErrorCode.runtimeInconsistency]);
  const error = t.throws(() => readMulti(reader, operations, same)) as unknown as TransactionError;
  t.type(error, TransactionError);
  t.match(error, { index: 1, code: ErrorCode.noNode, path: '/b' });
  t.type(error.cause, NoNodeError);
});

t.test('an answer that does not fit the operations is refused', async (t) => {
  t.throws(() => readMulti(answer([OpCode.check]), operations, same), ProtocolError);
  t.throws(() => readMulti(answer([55]), operations, same), ProtocolError);
  const four = answer([OpCode.check], [OpCode.check], [OpCode.check], [OpCode.check]);
  t.throws(() => readMulti(four, operations, same), ProtocolError);
});

t.test('each kind of znode has its request, and impossible kinds are refused', async (t) => {
  t.equal(createOpcode({}, true), OpCode.create2);
  t.equal(createOpcode({ ephemeral: true, sequential: true }, false), OpCode.create);
  t.equal(createOpcode({ container: true }, true), OpCode.createContainer);
  t.equal(createOpcode({ ttlMs: 5, sequential: true }, true), OpCode.createTtl);
  for (const mode of [
    { container: true, ephemeral: true },
    { container: true, ttlMs: 1 },
    { ephemeral: true, ttlMs: 1 },
    { ttlMs: 0 },
    { ttlMs: 1.5 },
  ]) {
    t.throws(() => createOpcode(mode, true), BadArgumentsError, JSON.stringify(mode));
  }
});

t.test('every code of the server becomes an error that names the path', async (t) => {
  for (const code of Object.values(ErrorCode).filter((value) => value < 0 && value > -1000)) {
    const error = errorOfCode(code, '/some/path');
    t.type(error, ZooKeeperError);
    t.equal(error.code, code);
    t.match(error.message, /^\/some\/path: \w/);
  }
  t.match(errorOfCode(-999).message, /-999/);
});
