import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { StoreError } from '../../errors.ts';

/** Names below the state directory. */
export interface Files {
  dir: string;
  data: string;
  lock: string;
  /** Written to after each commit, so that whoever watches it wakes up. */
  wake: string;
  sessions: string;
  socketOf(session: string): string;
  /** Gives a file that was just made its mode, and, where root works for another user, that user as its owner. */
  adopt(file: string, mode: number): void;
}

/** The kernel's limit for the path of a Unix socket (sockaddr_un), without the closing zero. */
const SOCKET_PATH_BYTES = 107;
const SESSION_CHARACTERS = 16;

/** Makes what is missing of the state directory. Throws StoreError when this user may not use it. */
export function prepareFiles(givenDir: string): Files {
  const dir = path.resolve(givenDir);
  const files: Files = {
    dir,
    data: path.join(dir, 'data.mdb'),
    lock: path.join(dir, 'lock.mdb'),
    wake: path.join(dir, 'wake'),
    sessions: path.join(dir, 'sessions'),
    socketOf: (session) => path.join(dir, 'sessions', `${session}.sock`),
    adopt: () => undefined,
  };
  refuseLongPath(files);
  try {
    makeDirectory(dir);
    const { uid, gid } = fs.statSync(dir);
    files.adopt = (file, mode) => {
      fs.chmodSync(file, mode);
      if (process.getuid?.() === 0 && uid !== 0) fs.chownSync(file, uid, gid);
    };
    makeFiles(files, uid);
  } catch (error) {
    throw explainFileError(error, dir);
  }
  return files;
}

function refuseLongPath(files: Files): void {
  const longest = Buffer.byteLength(files.socketOf('x'.repeat(SESSION_CHARACTERS)));
  if (longest <= SOCKET_PATH_BYTES) return;
  const tooMany = longest - SOCKET_PATH_BYTES;
  throw new StoreError(
    `${files.dir} is ${tooMany} bytes too long for a state directory: the sockets in it may have at most ` +
      `${SOCKET_PATH_BYTES} bytes in their path. Set state-dir to a shorter path.`,
  );
}

/** New directories belong to the owner of the nearest one that was there already: root may act for the daemon's user. */
function makeDirectory(dir: string): void {
  if (fs.existsSync(dir)) return;
  const parent = path.dirname(dir);
  makeDirectory(parent);
  makeOne(dir);
  const { uid, gid } = fs.statSync(parent);
  if (process.getuid?.() === 0 && uid !== 0) fs.chownSync(dir, uid, gid);
}

/** Not `recursive`: with that, Node.js never returns where nothing can be made at all, such as in /proc. */
function makeOne(dir: string): void {
  try {
    fs.mkdirSync(dir, { mode: 0o750 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/**
 * LMDB takes empty files as new. They are made here because they then have the right owner before anybody else opens them.
 * The lock file must not be opened once LMDB has it: closing it would drop the process's locks (fcntl(2)).
 */
function makeFiles(files: Files, owner: number): void {
  if (!fs.existsSync(files.sessions)) {
    makeOne(files.sessions);
    files.adopt(files.sessions, 0o750);
  }
  for (const file of [files.data, files.lock, files.wake]) {
    const { uid } = fs.statSync(file, { throwIfNoEntry: false }) ?? {};
    if (uid === undefined) fs.closeSync(fs.openSync(file, 'a', 0o640));
    if (uid === undefined || (uid !== owner && process.getuid?.() === 0)) files.adopt(file, 0o640);
    fs.accessSync(file, fs.constants.R_OK | fs.constants.W_OK);
  }
  fs.accessSync(files.sessions, fs.constants.W_OK | fs.constants.X_OK);
}

/** Turns an error of the file system into one that says which path, which user, and what to do. */
export function explainFileError(error: unknown, dir: string): StoreError {
  if (error instanceof StoreError) return error;
  const { code, path: place = dir, message } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') {
    const owner = ownerOf(place) ?? ownerOf(dir);
    const belongs = owner === undefined ? '' : `; it belongs to uid ${owner}`;
    const someone = owner ? `as that user (sudo -u '#${owner}' …) or as root` : 'as root';
    return new StoreError(
      `The state directory cannot be used: user ${userName()} may not read and write ${place}${belongs}. Run this ` +
        `${someone}, or set state-dir to another directory.`,
      { cause: error },
    );
  }
  const advice: Record<string, string> = {
    EROFS: 'The file system is mounted read-only; set state-dir to a directory on a writable one.',
    ENOSPC: 'The disk is full; free some space there.',
    EDQUOT: 'The disk quota is used up; free some space there.',
    ENOTDIR: 'A part of the path is a file; set state-dir to a directory.',
    EMFILE: 'Too many files are open in this process; raise its limit (ulimit -n).',
  };
  const next = advice[code ?? ''] ?? 'Check the directory, or set state-dir to another one.';
  return new StoreError(`The state directory ${dir} cannot be used: ${message}. ${next}`, { cause: error });
}

function ownerOf(file: string): number | undefined {
  try {
    return fs.statSync(file).uid;
  } catch {
    return undefined;
  }
}

function userName(): string {
  const uid = process.getuid?.() ?? -1;
  try {
    return `${os.userInfo().username} (uid ${uid})`;
  } catch {
    return `with uid ${uid}`;
  }
}
