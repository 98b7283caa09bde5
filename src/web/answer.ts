/** What a handler gives back, and how it goes out. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  /** Parts of the path, decoded: `{ id: '0000000001' }`. */
  params: Readonly<Record<string, string | undefined>>;
  query: URLSearchParams;
}

export interface Answer {
  status: number;
  /** Names in lower case. */
  headers?: Readonly<Record<string, string>>;
  /** Several buffers go out one after the other, without being copied. */
  body?: string | Buffer | readonly Buffer[];
}

/** Undefined: the handler has taken the response over. */
export type Handler = (call: Call) => Answer | undefined | Promise<Answer | undefined>;

export const TEXT = 'text/plain; charset=UTF-8';
export const JSON_TYPE = 'application/json';

export function textAnswer(status: number, text: string): Answer {
  return { status, headers: { 'content-type': TEXT, 'cache-control': 'no-store' }, body: text };
}

export function jsonAnswer(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { 'content-type': JSON_TYPE, 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(value),
  };
}

/** Goes with every answer: a browser runs, shows and embeds nothing but what this server means it to. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export function send(response: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const length = String(bodyLength(body));
  response.writeHead(status, { ...SECURITY_HEADERS, 'content-length': length, ...headers });
  if (typeof body === 'string' || Buffer.isBuffer(body)) return void response.end(body);
  response.cork();
  for (const part of body) response.write(part);
  response.end();
}

/** In bytes. */
export function bodyLength(body: NonNullable<Answer['body']>): number {
  if (typeof body === 'string') return Buffer.byteLength(body);
  return Buffer.isBuffer(body) ? body.length : body.reduce((sum, part) => sum + part.length, 0);
}

/** A mistake in what the client sent, or something that is not there; `send` tells the client. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
