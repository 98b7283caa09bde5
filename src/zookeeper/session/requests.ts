import { ErrorCode } from '../errors.ts';
import type { CallSpec } from './call.ts';
import type { WatchRequest } from './watches.ts';
import type { Acl, CreateMode, Data, Stat } from '../types.ts';
import { createOpcode, writeCreate } from '../wire/create.ts';
import { type Created, type Operation, readMulti, writeMulti } from '../wire/multi.ts';
import { OpCode } from '../wire/opcodes.ts';
import type { JuteWriter } from '../wire/jute-writer.ts';
import { readAcl, readNames, readStat, writeAcl } from '../wire/records.ts';

/** A path as the caller gave it, and with the chroot in front. */
export interface Place {
  path: string;
  full: string;
}

/** A read that may set a watch. `asks`, called when it is sent: the server has to set it. */
export interface WatchedRead extends Place {
  watch: WatchRequest | undefined;
  asks: () => boolean;
}

export function createSpec(
  { path, full }: Place,
  data: Data,
  { acl, mode, withStat }: { acl: readonly Acl[]; mode: CreateMode; withStat: boolean },
  toClient: (path: string) => string,
): CallSpec<Created> {
  const opcode = createOpcode(mode, withStat);
  return {
    name: 'create',
    opcode,
    path,
    isRead: false,
    write: (writer) => writeCreate(writer, { path: full, data, acl, mode }),
    read: (reader) => ({
      path: toClient(reader.string()),
      stat: opcode === OpCode.create ? undefined : readStat(reader),
    }),
  };
}

export function getDataSpec(given: WatchedRead): CallSpec<{ data: Buffer; stat: Stat }> {
  return {
    name: 'getData',
    opcode: OpCode.getData,
    path: given.path,
    isRead: true,
    watch: given.watch,
    write: (writer) => writeRead(writer, given),
    read: (reader) => ({ data: reader.bytes(), stat: readStat(reader) }),
  };
}

export function existsSpec(given: WatchedRead): CallSpec<Stat | undefined> {
  return {
    name: 'exists',
    opcode: OpCode.exists,
    path: given.path,
    isRead: true,
    watch: given.watch,
    write: (writer) => writeRead(writer, given),
    read: readStat,
    readError: (code) => (code === ErrorCode.noNode ? { value: undefined } : undefined),
  };
}

export function getChildrenSpec(given: WatchedRead): CallSpec<string[]> {
  return {
    name: 'getChildren',
    opcode: OpCode.getChildren,
    path: given.path,
    isRead: true,
    watch: given.watch,
    write: (writer) => writeRead(writer, given),
    read: readNames,
  };
}

export function getChildrenAndStatSpec(given: WatchedRead): CallSpec<{ children: string[]; stat: Stat }> {
  return {
    name: 'getChildren',
    opcode: OpCode.getChildren2,
    path: given.path,
    isRead: true,
    watch: given.watch,
    write: (writer) => writeRead(writer, given),
    read: (reader) => ({ children: readNames(reader), stat: readStat(reader) }),
  };
}

function writeRead(writer: JuteWriter, { full, asks }: WatchedRead): void {
  writer.string(full);
  writer.bool(asks());
}

export function setDataSpec({ path, full }: Place, data: Data, version: number): CallSpec<Stat> {
  return {
    name: 'setData',
    opcode: OpCode.setData,
    path,
    isRead: false,
    write(writer) {
      writer.string(full);
      writer.data(data);
      writer.int(version);
    },
    read: readStat,
  };
}

export function deleteSpec({ path, full }: Place, version: number): CallSpec<void> {
  return {
    name: 'delete',
    opcode: OpCode.delete,
    path,
    isRead: false,
    write(writer) {
      writer.string(full);
      writer.int(version);
    },
    read: () => undefined,
  };
}

/** `sync` changes nothing, but is answered only after all earlier writes: repeating it is fine. */
export function syncSpec({ path, full }: Place): CallSpec<void> {
  return {
    name: 'sync',
    opcode: OpCode.sync,
    path,
    isRead: true,
    write: (writer) => writer.string(full),
    read: () => undefined,
  };
}

export function getAclSpec({ path, full }: Place): CallSpec<{ acl: Acl[]; stat: Stat }> {
  return {
    name: 'getAcl',
    opcode: OpCode.getAcl,
    path,
    isRead: true,
    write: (writer) => writer.string(full),
    read: (reader) => ({ acl: readAcl(reader), stat: readStat(reader) }),
  };
}

export function setAclSpec({ path, full }: Place, acl: readonly Acl[], version: number): CallSpec<Stat> {
  return {
    name: 'setAcl',
    opcode: OpCode.setAcl,
    path,
    isRead: false,
    write(writer) {
      writer.string(full);
      writeAcl(writer, acl);
      writer.int(version);
    },
    read: readStat,
  };
}

export function multiSpec(
  operations: readonly Operation[],
  codec: {
    withStat: boolean;
    toServer: (operation: Operation) => string;
    toClient: (path: string) => string;
  },
): CallSpec<(Created | Stat | undefined)[]> {
  return {
    name: 'multi',
    opcode: OpCode.multi,
    isRead: false,
    write: (writer) => writeMulti(writer, operations, codec),
    read: (reader) => readMulti(reader, operations, codec.toClient),
  };
}

/** Setting the same watch twice is setting it once, so it is repeated like a read. */
export function addWatchSpec({ path, full }: Place, mode: number): CallSpec<void> {
  return {
    name: 'addWatch',
    opcode: OpCode.addWatch,
    path,
    isRead: true,
    write(writer) {
      writer.string(full);
      writer.int(mode);
    },
    read: () => undefined,
  };
}

export function removeWatchesSpec({ path, full }: Place, type: number): CallSpec<void> {
  return {
    name: 'removeWatches',
    opcode: OpCode.removeWatches,
    path,
    isRead: false,
    write(writer) {
      writer.string(full);
      writer.int(type);
    },
    read: () => undefined,
    readError: (code) => (code === ErrorCode.noWatcher ? { value: undefined } : undefined),
  };
}
