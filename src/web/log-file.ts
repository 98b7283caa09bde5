/** A log of a build on this machine: whole, a range of its bytes, or followed while the build runs. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import { HttpError, SECURITY_HEADERS, TEXT, type Answer, type Call } from './answer.ts';

export const DEFAULT_LOG_DIR = '/var/log/nodepool/builds';
/** More than this is given in ranges only, or as a stream. */
const MOST_BYTES = 16 * 2 ** 20;
const FOLLOW_MS = 500;
const PART_BYTES = 64 * 1024;

export interface LogFile {
  path: string;
  /** For messages: `the log of build debian/0f…`. */
  what: string;
  isRunning(): boolean;
  /** Logs of any length are sent whole, instead of asking for ranges. */
  anyLength?: boolean;
}

/**
 * With `follow=1` what comes is sent too, until the build has ended. Throws HttpError with 404 where there is no such file;
 * a link is none.
 */
export async function answerLog(call: Call, log: LogFile, clock: Clock): Promise<Answer | undefined> {
  const file = await openLog(log);
  const whole = log.anyLength === true && call.request.headers.range === undefined;
  if (call.query.get('follow') === '1' || (whole && (await isLong(file)))) {
    void send(call, file, call.query.get('follow') === '1' ? log.isRunning : () => false, clock);
    return undefined;
  }
  try {
    return await answerRange(call, file);
  } finally {
    await file.close();
  }
}

async function openLog({ path, what }: LogFile): Promise<FileHandle> {
  // A pipe that somebody has put there must not block.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    throw new HttpError(404, `${what} is not on this machine (${error.code ?? String(error)})`);
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new HttpError(404, `${what} is not on this machine (no file)`);
}

const isLong = async (file: FileHandle): Promise<boolean> => (await file.stat()).size > MOST_BYTES;

async function answerRange({ request }: Call, file: FileHandle): Promise<Answer> {
  const { size } = await file.stat();
  const wanted = parseRange(request.headers.range, size);
  if (wanted === 'outside')
    return { status: 416, headers: { 'content-type': TEXT, 'content-range': `bytes */${size}` }, body: '' };
  const { start, end } = wanted ?? { start: 0, end: size };
  if (end - start > MOST_BYTES)
    throw new HttpError(413, `the log has ${size} bytes: ask for a range of at most ${MOST_BYTES}`);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
  const headers = { 'content-type': TEXT, 'accept-ranges': 'bytes', 'cache-control': 'no-store' };
  const body = buffer.subarray(0, bytesRead);
  if (!wanted) return { status: 200, headers, body };
  const range = `bytes ${start}-${start + bytesRead - 1}/${size}`;
  return { status: 206, headers: { ...headers, 'content-range': range }, body };
}

/**
 * `bytes=0-99`, `bytes=100-` or `bytes=-500` as a start and an end behind the last byte; undefined where everything is
 * wanted, which is also the answer to what cannot be understood (RFC 9110, 14.2).
 */
export function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'outside' | undefined {
  const [whole, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (whole === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const start = Math.max(0, size - Number(last));
    return start >= size ? 'outside' : { start, end: size };
  }
  const start = Number(first);
  const end = last === '' ? size : Math.min(size, Number(last) + 1);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= size ? 'outside' : { start, end };
}

/** Sends what there is and what comes, until the build has ended or the client has gone. */
async function send(
  { response }: Call,
  file: FileHandle,
  isRunning: () => boolean,
  clock: Clock,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.on('error', () => response.destroy());
  response.writeHead(200, { ...SECURITY_HEADERS, 'content-type': TEXT, 'cache-control': 'no-store' });
  response.flushHeaders();
  try {
    for (let place = 0; ;) {
      const running = isRunning(); // asked before reading: what was written until its end is not missed
      const { bytesRead, buffer } = await file.read(Buffer.alloc(PART_BYTES), 0, PART_BYTES, place);
      place += bytesRead;
      if (bytesRead > 0) await writeAll(response, buffer.subarray(0, bytesRead), gone.signal);
      else if (!running) break;
      else await clock.sleep(FOLLOW_MS, gone.signal);
    }
    response.end();
  } catch {
    response.destroy();
  } finally {
    await file.close();
  }
}

function writeAll(response: Call['response'], bytes: Buffer, gone: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (gone.aborted) return reject(new Error('the client has gone'));
    if (response.write(bytes)) return resolve();
    const end = () => reject(new Error('the client has gone'));
    response.once('drain', () => (gone.removeEventListener('abort', end), resolve()));
    gone.addEventListener('abort', end, { once: true });
  });
}
