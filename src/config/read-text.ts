/** Reads the text of a configuration file, whatever the path leads to. */
import { open } from 'node:fs/promises';
import type { Problem } from '../errors.ts';

/** More than any real configuration; a device or an image that was named by mistake ends here. */
const MOST_BYTES = 16 * 1024 ** 2;
const CHUNK_BYTES = 64 * 1024;

/** The text and the file's permission bits, or why it cannot be used. */
export async function readText(file: string): Promise<{ text: string; mode: number } | { problem: Problem }> {
  try {
    const { bytes, mode } = await readBytes(file);
    if (bytes === undefined) return refuse(file, 'a file of at most 16 MiB', 'a larger one');
    const decoded = decode(file, bytes);
    return typeof decoded === 'string' ? { text: decoded, mode } : decoded;
  } catch (error) {
    return refuse(file, 'a readable configuration file', whyUnreadable(error));
  }
}

/** `bytes` is undefined when there are too many. */
async function readBytes(file: string): Promise<{ bytes: Buffer | undefined; mode: number }> {
  const handle = await open(file);
  try {
    const { mode } = await handle.stat();
    const chunks: Buffer[] = [];
    for (let length = 0; length <= MOST_BYTES;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES);
      if (bytesRead === 0) return { bytes: Buffer.concat(chunks), mode };
      chunks.push(buffer.subarray(0, bytesRead));
      length += bytesRead;
    }
    return { bytes: undefined, mode };
  } finally {
    await handle.close();
  }
}

/** A byte order mark is taken off. Control characters are refused, as YAML does: they hide in names. */
function decode(file: string, bytes: Buffer): string | { problem: Problem } {
  const expected = 'UTF-8 text';
  if (/^(\xff\xfe|\xfe\xff)/.test(bytes.toString('latin1', 0, 2))) return refuse(file, expected, 'UTF-16');
  const text = decodeStrictly(bytes);
  if (text === undefined) {
    return refuse(
      file,
      expected,
      'bytes that are not',
      lineOfFirst(bytes, (line) => decodeStrictly(line) === undefined),
    );
  }
  const control = CONTROL.exec(text);
  if (!control) return text;
  const code = control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
  const line = text.slice(0, control.index).split('\n').length;
  return refuse(file, 'text without control characters', `U+${code}`, line);
}

// eslint-disable-next-line no-control-regex -- YAML 1.1, 5.1: what is not printable
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]/;

function decodeStrictly(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function lineOfFirst(bytes: Buffer, isMeant: (line: Buffer) => boolean): number {
  let number = 1;
  for (let start = 0; ; number += 1) {
    const end = bytes.indexOf(0x0a, start);
    if (end === -1 || isMeant(bytes.subarray(start, end))) return number;
    start = end + 1;
  }
}

function refuse(file: string, expected: string, found: string, line?: number): { problem: Problem } {
  return { problem: { file, ...(line === undefined ? {} : { line }), path: '', expected, found } };
}

function whyUnreadable(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'a file that this user may not read';
  if (code === 'EISDIR') return 'a directory';
  return (error as Error).message;
}
