import type { IncomingMessage } from 'node:http';
import { HttpError } from './answer.ts';

const MAX_BYTES = 16 * 1024;

/** The JSON object in a request's body; an empty body is an empty object. Throws HttpError. */
export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_BYTES) throw new HttpError(413, `expected at most ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  const text = Buffer.concat(parts).toString('utf8').trim();
  if (text === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HttpError(400, 'expected a JSON object, found text that is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new HttpError(400, 'expected a JSON object');
  return value as Record<string, unknown>;
}
