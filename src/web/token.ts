import { createHash, timingSafeEqual } from 'node:crypto';
import { open } from 'node:fs/promises';
import { reasonOf } from '../errors.ts';

const MIN_LENGTH = 16;
const MAX_BYTES = 4096;
const READABLE_BY_OTHERS = 0o007;

/**
 * The token from its file, without white space around it; read anew for each action, so that a new one takes effect at
 * once. Throws an error whose message names the file and what is wrong with it, and never tells what is in it.
 */
export async function readToken(path: string): Promise<string> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw new Error(`the token file ${path} cannot be read: ${explain(error)}`);
  });
  try {
    const { mode, size } = await file.stat();
    if (mode & READABLE_BY_OTHERS) {
      const found = (mode & 0o777).toString(8).padStart(4, '0');
      throw new Error(
        `the token file ${path} must not be open to everybody: expected mode 0640, found ${found}`,
      );
    }
    if (size > MAX_BYTES) throw new Error(`the token file ${path} is longer than ${MAX_BYTES} bytes`);
    const token = (await file.readFile('utf8')).trim();
    if (token.length < MIN_LENGTH) {
      throw new Error(
        `the token file ${path} must hold at least ${MIN_LENGTH} characters, found ${token.length}`,
      );
    }
    return token;
  } finally {
    await file.close();
  }
}

/** In a time that does not depend on where they differ. */
export function sameToken(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** `Authorization: Bearer <token>` */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
}

function explain(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES') return 'no permission';
  return reasonOf(error);
}
