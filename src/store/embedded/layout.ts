/**
 * What lies under which key of the database. Keys are text, ordered by their bytes, so that everything of one kind is one
 * range. All of it can be read with LMDB's own tools.
 *
 *   r/nodes/0000000017        a record: `<version> <created ms> <modified ms> <session or ->`, line end, the record's text
 *   l/nodes/0000000017        its lock: contenders in the order of their arrival, the first one holds: `a1b2.1 c3d4.7`
 *   l/mutexes/build/debian    a lock without a record
 *   s/a1b2                    a session: who it is, as JSON
 *   e/a1b2/components/x       an ephemeral record of that session
 *   n/nodes                   the number of the newest record
 *   c/<slot>                  a commit: its number, then a line for each record (or session) that it touched
 *   m/head                    `<number of the newest commit> <newest version>`
 */
import { checkId } from '../ids.ts';
import type { MutexName } from '../store.ts';

/** Slots of the change log: how many commits a process may fall behind before it compares everything instead. */
export const LOG_SLOTS = 4096;

export const HEAD = 'm/head';
export const SESSIONS = 'sessions';

/** `nodes/0000000017`: names a record wherever the collection is not clear. */
export type Path = string;

export const pathOf = (collection: string, id: string): Path => `${collection}/${id}`;

export function splitPath(path: Path): [collection: string, id: string] {
  const slash = path.indexOf('/');
  return [path.slice(0, slash), path.slice(slash + 1)];
}

export const recordKey = (path: Path) => `r/${path}`;
export const lockKey = (path: Path) => `l/${path}`;
export const sessionKey = (session: string) => `s/${session}`;
export const ephemeralKey = (session: string, path: Path) => `e/${session}/${path}`;
export const counterKey = (collection: string) => `n/${collection}`;
export const commitKey = (slot: number) => `c/${slot}`;

/** The part of the lock keys that belongs to no collection. */
export const MUTEXES = 'mutexes';

/** `{ kind: 'upload', image: 'debian', build: '0f…', provider: 'cloud' }` → `upload/debian/0f…/cloud`. */
export function mutexId(name: MutexName): string {
  const names = name.kind === 'build' ? [name.image] : [name.image, name.build, name.provider];
  const id = [name.kind, ...names].join('/');
  checkId(MUTEXES, id, names.length + 1);
  return id;
}

export interface Head {
  /** Number of the newest commit. */
  commit: number;
  /** Newest version of any record: versions never repeat, not even after a record was removed and made again. */
  version: number;
}

export function readHead(text: string | undefined): Head {
  if (text === undefined) return { commit: 0, version: 0 };
  const space = text.indexOf(' ');
  return { commit: Number(text.slice(0, space)), version: Number(text.slice(space + 1)) };
}

/** A record with its text still undecoded. */
export interface RawRecord {
  version: number;
  createdMs: number;
  modifiedMs: number;
  /** Session of an ephemeral record. */
  session: string | undefined;
  text: string;
}

export function writeRecord({ version, createdMs, modifiedMs, session, text }: RawRecord): string {
  return `${version} ${createdMs} ${modifiedMs} ${session ?? '-'}\n${text}`;
}

export function readRecord(stored: string): RawRecord {
  const end = stored.indexOf('\n');
  const [version, createdMs, modifiedMs, session] = stored.slice(0, end).split(' ');
  return {
    version: Number(version),
    createdMs: Number(createdMs),
    modifiedMs: Number(modifiedMs),
    session: session === '-' ? undefined : session,
    text: stored.slice(end + 1),
  };
}

/** `<session>.<number>` of everybody who holds or waits for a lock, the holder first. */
export const readQueue = (stored: string | undefined): string[] => (stored ? stored.split(' ') : []);

export const sessionOf = (contender: string): string => contender.slice(0, contender.indexOf('.'));
