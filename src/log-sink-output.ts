/** Where log lines go: a file that may be rotated away, or a terminal. */
import { closeSync, fstatSync, openSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Output {
  write(lines: string): void;
  /** Writes what is waiting before it returns. */
  flushSync(): void;
  /** Opens the file again, after it was rotated. */
  reopen(): void;
  close(): void;
}

/** Lines wait at most this long. */
const FLUSH_MS = 50;
const FLUSH_LENGTH = 64 * 1024;
/** What is kept while the disk is full; then the oldest lines are lost, and counted. */
const KEPT_LENGTH = 4 * 1024 * 1024;
const ROTATION_CHECK_MS = 1000;

/** Appends to the file, made with mode 0640. Throws when it cannot be opened. */
export function openFileOutput(path: string, { nowMs = Date.now } = {}): Output {
  let descriptor = openLog(path);
  let checkedMs = 0;
  let closed = false;

  function reopen(): void {
    try {
      const next = openSync(path, 'a', 0o640);
      closeSync(descriptor);
      descriptor = next;
    } catch {
      // The folder is gone or closed to us: the old file is better than none, and the next check tries again.
    }
  }

  function wasRotated(): boolean {
    try {
      const [named, opened] = [statSync(path), fstatSync(descriptor)];
      return named.ino !== opened.ino || named.dev !== opened.dev;
    } catch {
      return true;
    }
  }

  const buffer = createBuffer((bytes) => {
    if (Math.abs(nowMs() - checkedMs) >= ROTATION_CHECK_MS) {
      checkedMs = nowMs();
      if (wasRotated()) reopen();
    }
    return writeSync(descriptor, bytes);
  });
  return {
    ...buffer,
    reopen() {
      buffer.flushSync();
      if (!closed) reopen();
    },
    close() {
      if (closed) return;
      closed = true;
      buffer.close();
      closeSync(descriptor);
    },
  };
}

/** Writes to a stream, which stays open. A reader that went away ends the output, not the process. */
export function streamOutput(stream: NodeJS.WritableStream): Output {
  let broken = false;
  const onError = () => (broken = true);
  stream.on('error', onError);
  const buffer = createBuffer((bytes) => {
    if (!broken) stream.write(bytes);
    return bytes.length;
  });
  return {
    ...buffer,
    reopen: () => undefined,
    close() {
      buffer.close();
      stream.off('error', onError);
    },
  };
}

/** Collects lines and hands them on in large pieces. `writeBytes` answers how many bytes it took, or throws. */
function createBuffer(writeBytes: (bytes: Buffer) => number): Omit<Output, 'reopen'> {
  let waiting = '';
  let rest: Buffer | undefined;
  let lost = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function flushSync(): void {
    clearTimeout(timer);
    timer = undefined;
    if (closed || (waiting === '' && !rest)) return;
    rest = Buffer.concat([rest ?? Buffer.alloc(0), Buffer.from(waiting)]);
    waiting = '';
    try {
      while (rest.length > 0) rest = rest.subarray(writeBytes(rest));
      rest = undefined;
      lost = 0;
    } catch {
      keepWithinBounds();
    }
  }

  /** The disk is full or broken: a log that cannot be written must not stop the work. */
  function keepWithinBounds(): void {
    if (!rest || rest.length <= KEPT_LENGTH) return;
    const cut = rest.indexOf('\n', rest.length - KEPT_LENGTH) + 1;
    lost += cut;
    const notice = Buffer.from(`(about ${lost} bytes of log could not be written here)\n`);
    rest = Buffer.concat([notice, rest.subarray(cut)]);
  }

  process.on('exit', flushSync);
  return {
    write(lines) {
      // The descriptor may be somebody else's by now.
      if (closed) return;
      waiting += lines;
      if (waiting.length >= FLUSH_LENGTH) flushSync();
      else if (!timer) timer = setTimeout(flushSync, FLUSH_MS).unref();
    },
    flushSync,
    close() {
      flushSync();
      closed = true;
      clearTimeout(timer);
      process.off('exit', flushSync);
    },
  };
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a', 0o640);
  } catch (error) {
    throw new Error(`cannot write log file ${path}: ${whyNot(path, error)}`, { cause: error });
  }
}

function whyNot(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const folder = dirname(path);
  if (code === 'ENOENT') return `the folder ${folder} does not exist; create it, or log elsewhere`;
  if (code === 'EACCES') return `this user may not write there; change the owner of ${folder} or of the file`;
  if (code === 'EROFS') return `${folder} is on a read-only file system`;
  if (code === 'EISDIR') return 'it is a folder';
  return message;
}
