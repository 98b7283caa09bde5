import fs from 'node:fs';
import { createRequire } from 'node:module';
import type { RootDatabase } from 'lmdb';
import { reasonOf, StoreError } from '../../errors.ts';
import { damaged, refuseTruncated } from './damage.ts';
import { explainFileError, type Files } from './files.ts';

export type Database = RootDatabase<string, string>;

/** Reserved address space, not disk space; LMDB enlarges it when the data outgrows it. */
const MAP_BYTES = 4 * 2 ** 30;
/** Processes that may have the database open at once. */
const MAX_READERS = 1024;

interface Shared {
  db: Database;
  users: number;
}

/** LMDB must not be opened twice in one process; stores on the same directory share it. */
const opened = new Map<string, Shared>();

export interface OpenDatabase {
  db: Database;
  close(): Promise<void>;
}

/** Opens the database of a state directory. A resolved transaction is on the disk (fdatasync), not only written. */
export function openDatabase(files: Files): OpenDatabase {
  const { dev, ino } = fs.statSync(files.data);
  const key = `${dev}:${ino}`;
  const shared = opened.get(key) ?? { db: openLmdb(files), users: 0 };
  opened.set(key, shared);
  shared.users += 1;
  let closed = false;

  const close = async () => {
    if (closed) return;
    closed = true;
    shared.users -= 1;
    if (shared.users > 0) return;
    opened.delete(key);
    await shared.db.close();
  };

  return { db: shared.db, close };
}

/** Everything of one kind, `r/nodes/`: keys in order. */
export function keysUnder(db: Database, prefix: string): string[] {
  return [...db.getKeys(rangeOf(prefix))];
}

/** Keys and texts in order. */
export function textsUnder(db: Database, prefix: string): { key: string; value: string }[] {
  return [...db.getRange(rangeOf(prefix))];
}

const rangeOf = (prefix: string) => ({ start: prefix, end: `${prefix}\uffff` });

/** As CommonJS lmdb is one file; as a module it is a dozen, which take twice as long to load. */
const load = createRequire(import.meta.url);

function openLmdb(files: Files): Database {
  const { open } = load('lmdb') as typeof import('lmdb');
  refuseTruncated(files);
  try {
    return open<string, string>({
      path: files.dir,
      noSubdir: false,
      encoding: 'string',
      overlappingSync: false,
      // With it, lmdb makes one promise a batch that nobody can catch when the disk is full.
      eventTurnBatching: false,
      mapSize: MAP_BYTES,
      maxReaders: MAX_READERS,
      permissionsMode: 0o640,
    } as Parameters<typeof open>[0]);
  } catch (error) {
    throw explainDatabaseError(error, files);
  }
}

/** LMDB's own error numbers (lmdb.h) and those of the system that mean something here. */
const EIO = 5;
const ENOSPC = 28;
const EDQUOT = 122;
const MDB_CORRUPTED = -30796;
const MDB_PAGE_NOTFOUND = -30797;
const MDB_PANIC = -30795;
const MDB_VERSION_MISMATCH = -30794;
const MDB_INVALID = -30793;
const MDB_MAP_FULL = -30792;
const MDB_READERS_FULL = -30790;

/** Turns an error of LMDB into a StoreError that says what to do. */
export function explainDatabaseError(error: unknown, files: Files): StoreError {
  if (error instanceof StoreError) return error;
  const { code } = error as { code?: unknown };
  switch (code) {
    case ENOSPC:
    case EDQUOT:
    case MDB_MAP_FULL:
      return new StoreError(
        `Nothing was written: no space left for ${files.data}. Free some space on its disk.`,
        {
          cause: error,
        },
      );
    case MDB_READERS_FULL:
      return new StoreError(
        `${files.dir} is in use by ${MAX_READERS} processes, which is the limit. End some of them and try again.`,
        { cause: error },
      );
    case EIO:
    case MDB_PANIC:
      return new StoreError(
        `The disk below ${files.data} does not work (${reasonOf(error)}). Look at the kernel's log (dmesg), then ` +
          'restart this program.',
        { cause: error },
      );
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
      return damaged(files, `cannot be read (${reasonOf(error)})`, error);
    default:
      return explainFileError(error, files.dir);
  }
}
