import { ErrorCode, errorOfCode, ProtocolError, TransactionError, type ZooKeeperError } from '../errors.ts';
import { type Acl, type CreateMode, type Data, openAcl, type Stat } from '../types.ts';
import { createOpcode, writeCreate } from './create.ts';
import type { JuteReader } from './jute-reader.ts';
import type { JuteWriter } from './jute-writer.ts';
import { OpCode } from './opcodes.ts';
import { readStat } from './records.ts';

/** What `create` returns. Servers before 3.5 do not send a Stat, and later ones may not do so in a transaction. */
export interface Created {
  /** The path, with the number the server appended to a sequential one. */
  path: string;
  stat: Stat | undefined;
}

/** One operation of a transaction. */
export type Operation =
  | { op: 'create'; path: string; data?: Data; acl?: readonly Acl[]; mode?: CreateMode }
  | { op: 'set'; path: string; data: Data; version?: number }
  | { op: 'delete'; path: string; version?: number }
  /** The znode exists, and has this version if one is given. */
  | { op: 'check'; path: string; version?: number };

export type OperationResult<T extends Operation> = T extends { op: 'create' }
  ? Created
  : T extends { op: 'set' }
    ? Stat
    : undefined;

/** Results in the order of the operations. */
export type TransactionResult<T extends readonly Operation[]> = {
  -readonly [K in keyof T]: OperationResult<T[K]>;
};

const opcodes = { set: OpCode.setData, delete: OpCode.delete, check: OpCode.check };

/** Body of MultiTransactionRecord: each operation behind a header, an empty header at the end. */
export function writeMulti(
  writer: JuteWriter,
  operations: readonly Operation[],
  { withStat, toServer }: { withStat: boolean; toServer: (operation: Operation) => string },
): void {
  for (const operation of operations) {
    const path = toServer(operation);
    if (operation.op === 'create') {
      const { data = '', acl = openAcl, mode = {} } = operation;
      writeHeader(writer, createOpcode(mode, withStat), false);
      writeCreate(writer, { path, data, acl, mode });
      continue;
    }
    writeHeader(writer, opcodes[operation.op], false);
    writer.string(path);
    if (operation.op === 'set') writer.data(operation.data);
    writer.int(operation.version ?? -1);
  }
  writeHeader(writer, -1, true);
}

/** Results, or the TransactionError of the operation that failed. */
export function readMulti(
  reader: JuteReader,
  operations: readonly Operation[],
  toClient: (path: string) => string,
): (Created | Stat | undefined)[] {
  const results: (Created | Stat | undefined)[] = [];
  const codes: number[] = [];
  for (;;) {
    const type = reader.int();
    const done = reader.bool();
    reader.int();
    if (done) break;
    if (codes.length === operations.length) throw new ProtocolError('more results than operations');
    codes.push(type === OpCode.error ? reader.int() : ErrorCode.ok);
    results.push(readResult(reader, type, toClient));
  }
  throwFirstFailure(operations, codes);
  if (results.length !== operations.length) throw new ProtocolError('fewer results than operations');
  return results;
}

function readResult(
  reader: JuteReader,
  type: number,
  toClient: (path: string) => string,
): Created | Stat | undefined {
  switch (type) {
    case OpCode.create:
      return { path: toClient(reader.string()), stat: undefined };
    case OpCode.create2:
      return { path: toClient(reader.string()), stat: readStat(reader) };
    case OpCode.setData:
      return readStat(reader);
    case OpCode.delete:
    case OpCode.check:
    case OpCode.error:
      return undefined;
    default:
      throw new ProtocolError(`a result of unknown type ${type} in a transaction`);
  }
}

/** Operations before the culprit carry 0, those behind it -2; either may be all there is if the server gave up. */
function throwFirstFailure(operations: readonly Operation[], codes: number[]): void {
  const culprit = codes.findIndex((code) => code !== ErrorCode.ok && code !== ErrorCode.runtimeInconsistency);
  const index = culprit >= 0 ? culprit : codes.findIndex((code) => code !== ErrorCode.ok);
  if (index < 0) return;
  const cause: ZooKeeperError = errorOfCode(codes[index] as number, operations[index]?.path);
  throw new TransactionError(index, cause);
}

function writeHeader(writer: JuteWriter, type: number, done: boolean): void {
  writer.int(type);
  writer.bool(done);
  writer.int(-1);
}
