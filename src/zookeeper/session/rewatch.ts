import { OpCode } from '../wire/opcodes.ts';
import type { JuteWriter } from '../wire/jute-writer.ts';
import type { OneShotKind, PersistentKind, Watches } from './watches.ts';

/** One request that tells the server about watches it should have. */
export interface RewatchRequest {
  opcode: number;
  write(writer: JuteWriter): void;
}

/** Servers read requests up to a limit (1 MiB unless configured), so many watches go in several requests. */
const maxBytes = 128 * 1024;

const oneShotKinds = ['data', 'exists', 'children'] as const;
const lastingKinds = ['persistent', 'recursive'] as const;

/**
 * What to send after a reconnect. For one-shot watches the server compares with `lastZxid`, the last transaction this
 * client has seen, and reports at once what was missed. Persistent ones come last, because the mode set last counts.
 */
export function rewatchRequests(watches: Watches, lastZxid: bigint): RewatchRequest[] {
  const paths = watches.paths();
  const requests: RewatchRequest[] = [];
  for (const kind of oneShotKinds) {
    for (const part of split(paths[kind])) requests.push(setWatches({ [kind]: part }, lastZxid));
  }
  for (const kind of lastingKinds) {
    for (const part of split(paths[kind])) requests.push(setWatches2({ [kind]: part }, lastZxid));
  }
  return requests;
}

/** Sets the one-shot watches of one path again, after `removeWatches` took everything there. */
export function rewatchOnePath(watches: Watches, path: string, lastZxid: bigint): RewatchRequest {
  const paths = watches.paths();
  const lists: Partial<Record<OneShotKind, string[]>> = {};
  for (const kind of oneShotKinds) lists[kind] = paths[kind].filter((known) => known === path);
  return setWatches(lists, lastZxid);
}

function setWatches(lists: Partial<Record<OneShotKind, string[]>>, lastZxid: bigint): RewatchRequest {
  return { opcode: OpCode.setWatches, write: (writer) => writeLists(writer, lastZxid, oneShotKinds, lists) };
}

function setWatches2(lists: Partial<Record<PersistentKind, string[]>>, lastZxid: bigint): RewatchRequest {
  const kinds = [...oneShotKinds, ...lastingKinds];
  return { opcode: OpCode.setWatches2, write: (writer) => writeLists(writer, lastZxid, kinds, lists) };
}

function writeLists(
  writer: JuteWriter,
  lastZxid: bigint,
  kinds: readonly (OneShotKind | PersistentKind)[],
  lists: Partial<Record<OneShotKind | PersistentKind, string[]>>,
): void {
  writer.long(lastZxid);
  for (const kind of kinds) writer.vector(lists[kind] ?? [], (path) => writer.string(path));
}

function split(paths: string[]): string[][] {
  const parts: string[][] = [];
  let part: string[] = [];
  let bytes = 0;
  for (const path of paths) {
    const size = 4 + Buffer.byteLength(path);
    if (part.length > 0 && bytes + size > maxBytes) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(path);
    bytes += size;
  }
  return part.length > 0 ? [...parts, part] : parts;
}
