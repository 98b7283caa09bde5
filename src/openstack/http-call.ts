/** The shape of a call to a service, and of its answer. */
import type { Readable } from 'node:stream';

export interface HttpCall {
  /** `compute`: in messages and logs. */
  service: string;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
  url: URL;
  headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is, once: such a call is not repeated. */
  stream?: { body: Readable; bytes: number };
  signal: AbortSignal;
  /** For one attempt; a stream has no limit but `stallMs`. */
  timeoutMs?: number | undefined;
  /** Once under way, the call is not cut off by the signal: its answer must be known. */
  uncut?: boolean;
}

export interface Answer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed JSON; undefined when there was no body. */
  body: unknown;
}

/** `compute GET http://127.0.0.1:21003/v2.1/servers/detail`; queries can hold names only, never secrets. */
export function nameOf({ service, method, url }: HttpCall): string {
  return `${service} ${method} ${url.origin}${url.pathname}`;
}
