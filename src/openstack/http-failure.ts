/** What a failed call means, and the words for it. */
import { reasonOf } from '../errors.ts';
import { ServiceError, type FailureKind } from './errors.ts';
import { nameOf, type Answer, type HttpCall } from './http-call.ts';
import { textOf } from './section.ts';

/** An answer without its body. */
export type Head = Pick<Answer, 'status' | 'headers'>;

export function refusal(call: HttpCall, { status, headers }: Head, text: string): ServiceError {
  const reason = reasonIn(text);
  const message = `${nameOf(call)}: ${status}${reason ? ` ${reason}` : ''}${requestOf(headers)}`;
  const mayHaveWorked = status >= 500 && status !== 503;
  return new ServiceError(message, { kind: kindOf(status, reason), status, reason, mayHaveWorked });
}

function kindOf(status: number, reason: string): FailureKind {
  if (status === 401) return 'auth';
  // Nova answered 413 where 429 is meant, before there was 429; a quota is no matter of patience.
  if (status === 429 || (status === 413 && !/quota/i.test(reason))) return 'limits';
  return status >= 500 ? 'unavailable' : 'refused';
}

/** `{"forbidden": {"code": 403, "message": "Quota exceeded …"}}`, `{"NeutronError": …}`, a page of HTML: the words in it. */
function reasonIn(text: string): string {
  try {
    const body = JSON.parse(text) as unknown;
    const message = findMessage(body, 3);
    if (message !== undefined) return clip(message);
  } catch {
    // not JSON: Glance and proxies answer with HTML
  }
  return clip(text.replace(/<(style|script|title)[^]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' '));
}

function findMessage(value: unknown, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null || depth === 0) return undefined;
  const { message } = value as { message?: unknown };
  if (typeof message === 'string') return message;
  for (const inner of Object.values(value)) {
    const found = findMessage(inner, depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function clip(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

/** Seconds or a date (RFC 9110 section 10.2.3) → milliseconds. */
export function readRetryAfter(value: string | string[] | undefined, nowMs = Date.now()): number | undefined {
  if (typeof value !== 'string') return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const dateMs = Date.parse(value);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}

export function requestOf(headers: Answer['headers']): string {
  const id = headers['x-openstack-request-id'] ?? headers['x-compute-request-id'];
  return typeof id === 'string' ? ` (${id})` : '';
}

/** The connection was never made, so the service knows nothing of the call. */
const NEVER_ARRIVED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name does not resolve at the moment',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 10 s',
  UND_ERR_SOCKET: 'connection closed before the whole answer',
  UND_ERR_HEADERS_TIMEOUT: 'no answer within 60 s',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped in the middle',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed (cacert or verify in clouds.yaml)',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is from an unknown authority (cacert in clouds.yaml)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is from an unknown authority (cacert in clouds.yaml)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is from an unknown authority (cacert in clouds.yaml)',
};

/** Did the service surely not hear of the call? */
export function neverArrived(error: unknown): boolean {
  return NEVER_ARRIVED.has(codeOf(error));
}

function codeOf(error: unknown): string {
  return textOf((error as { code?: unknown } | undefined)?.code);
}

export function wordsFor(error: unknown): string {
  return WORDS[codeOf(error)] ?? reasonOf(error);
}
