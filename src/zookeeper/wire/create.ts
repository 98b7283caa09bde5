import { BadArgumentsError, ErrorCode } from '../errors.ts';
import type { Acl, CreateMode, Data } from '../types.ts';
import type { JuteWriter } from './jute-writer.ts';
import { OpCode } from './opcodes.ts';
import { writeAcl } from './records.ts';

/** The request that makes this kind of znode. `withStat` asks for path and Stat in the answer (servers from 3.5). */
export function createOpcode(mode: CreateMode, withStat: boolean): number {
  checkMode(mode);
  if (mode.container) return OpCode.createContainer;
  if (mode.ttlMs !== undefined) return OpCode.createTtl;
  return withStat ? OpCode.create2 : OpCode.create;
}

/** Body of CreateRequest and CreateTTLRequest. */
export function writeCreate(
  writer: JuteWriter,
  { path, data, acl, mode }: { path: string; data: Data; acl: readonly Acl[]; mode: CreateMode },
): void {
  writer.string(path);
  writer.data(data);
  writeAcl(writer, acl);
  writer.int(createFlags(mode));
  if (mode.ttlMs !== undefined) writer.long(BigInt(mode.ttlMs));
}

/** org.apache.zookeeper.CreateMode: 0 to 3 by two bits, 4 container, 5 and 6 with time to live. */
function createFlags({ ephemeral, sequential, container, ttlMs }: CreateMode): number {
  if (container) return 4;
  if (ttlMs !== undefined) return sequential ? 6 : 5;
  return (ephemeral ? 1 : 0) + (sequential ? 2 : 0);
}

function checkMode({ ephemeral, sequential, container, ttlMs }: CreateMode): void {
  const refuse = (text: string) => new BadArgumentsError(ErrorCode.badArguments, text);
  if (container && (ephemeral || sequential || ttlMs !== undefined)) {
    throw refuse('a container can be neither ephemeral nor sequential nor have a time to live');
  }
  if (ttlMs === undefined) return;
  if (ephemeral) throw refuse('an ephemeral znode cannot have a time to live');
  if (!Number.isInteger(ttlMs) || ttlMs <= 0)
    throw refuse(`a time to live must be whole milliseconds, not ${ttlMs}`);
}
