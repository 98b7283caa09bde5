import fs from 'node:fs';
import { StoreError } from '../../errors.ts';
import type { Files } from './files.ts';

/**
 * Reading a page behind the end of the file would kill the process (SIGBUS), so a file that is too short is refused
 * first. The last pages may be missing rightfully: LMDB does not write pages that were taken and given back. Therefore
 * it counts only when a root page or more than half of the file is missing.
 * The meta page: lmdb.h and mdb.c, `MDB_page_header` (24 bytes), then `MDB_meta`.
 */
export function refuseTruncated(files: Files): void {
  const head = Buffer.alloc(8192 + 200);
  const fd = fs.openSync(files.data, 'r');
  try {
    const length = fs.readSync(fd, head, 0, head.length, 0);
    if (length === 0) return;
    // The size after the meta page: a commit lets the file grow first, and others commit meanwhile.
    const { size } = fs.fstatSync(fd);
    const meta = newestMeta(head.subarray(0, length));
    if (meta !== undefined && meta.root < size && meta.end <= size * 2) return;
    const found = meta === undefined ? 'is not a database' : `is cut off at ${size} bytes of ${meta.end}`;
    throw damaged(files, found);
  } finally {
    fs.closeSync(fd);
  }
}

const MAGIC = 0xbeefc0de;

/** Bytes that the newest state of the database needs; undefined when this is no database. */
function newestMeta(head: Buffer): { root: number; end: number } | undefined {
  const first = readMeta(head, 0);
  const second = first && readMeta(head, first.pageSize);
  if (first === undefined || second === undefined) return undefined;
  const { root, lastPage, pageSize } = second.transaction > first.transaction ? second : first;
  return { root: root * pageSize, end: (lastPage + 1) * pageSize };
}

function readMeta(head: Buffer, page: number) {
  const meta = page + 24;
  if (head.length < meta + 140 || head.readUInt32LE(meta) !== MAGIC) return undefined;
  const word = (offset: number) => Number(head.readBigUInt64LE(meta + offset));
  const roots = [word(24 + 40), word(24 + 48 + 40)].filter((number) => number < 2 ** 52);
  return {
    pageSize: head.readUInt32LE(meta + 24),
    root: Math.max(1, ...roots),
    lastPage: word(24 + 96),
    transaction: word(24 + 104),
  };
}

export function damaged(files: Files, found: string, cause?: unknown): StoreError {
  return new StoreError(
    `The state database ${files.data} is damaged: it ${found}. Stop all nodepool processes and restore it from a backup, ` +
      'or move data.mdb and lock.mdb away to start with an empty state (docs/state.md, "After damage").',
    { cause },
  );
}
