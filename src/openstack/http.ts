/** HTTP as OpenStack services speak it: JSON both ways, retries, time limits, errors that say what was asked. */
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Cloud } from './cloud.ts';
import { CloudError, ServiceError, type FailureKind } from './errors.ts';
import type { Pace } from './pace.ts';
import { textOf } from './section.ts';

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

export interface Http {
  call(call: HttpCall): Promise<Answer>;
  close(): Promise<void>;
}

/** How often and how patiently a call is repeated that failed for a reason that passes. */
export interface Patience {
  attempts: number;
  firstDelayMs: number;
  mostDelayMs: number;
}

const PATIENCE: Patience = { attempts: 4, firstDelayMs: 500, mostDelayMs: 10_000 };
/** A service that asks for more than this is told of as unavailable instead. */
const LONGEST_RETRY_AFTER_MS = 60_000;
const CALL_TIME_MS = 60_000;
/** A body that neither comes nor goes for so long is given up. */
const STALL_MS = 60_000;
/** No answer of a service is as large as this. */
const MOST_BYTES = 256 * 2 ** 20;

export interface HttpDeps {
  log: Logger;
  clock: Clock;
  userAgent: string;
  paceOf: (service: string) => Pace;
  patience?: Patience;
}

/** Connections to one cloud, with its certificates. Throws CloudError when a TLS file cannot be read. */
export async function openHttp({ tls, timeoutMs, file }: Cloud, deps: HttpDeps): Promise<Http> {
  const read = async (key: string, path: string | undefined) => {
    try {
      return path === undefined ? undefined : await readFile(path);
    } catch (error) {
      throw new CloudError(`${file}: ${key}: cannot read ${path ?? ''}: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  };
  const [ca, cert, key] = await Promise.all([
    read('cacert', tls.ca),
    read('cert', tls.cert),
    read('key', tls.key),
  ]);
  const agent = new Agent({
    connections: 10,
    connect: {
      timeout: 10_000,
      rejectUnauthorized: tls.verify,
      ...(ca && { ca }),
      ...(cert && { cert, key: key ?? cert }),
    },
  });
  const call = (wanted: HttpCall) => callPatiently({ timeoutMs, ...wanted }, agent, deps);
  return { call, close: () => agent.destroy() };
}

async function callPatiently(call: HttpCall, agent: Dispatcher, deps: HttpDeps): Promise<Answer> {
  const { attempts, firstDelayMs, mostDelayMs } = deps.patience ?? PATIENCE;
  for (let attempt = 1; ; attempt += 1) {
    await deps.paceOf(call.service).turn(call.signal);
    const outcome = await callOnce(call, agent, deps);
    if (!(outcome instanceof Failed)) return outcome;
    const { error, retryAfterMs } = outcome;
    const delayMs = retryAfterMs ?? Math.min(mostDelayMs, firstDelayMs * 2 ** (attempt - 1));
    if (attempt >= attempts || !isRepeatable(call, error) || delayMs > LONGEST_RETRY_AFTER_MS) throw error;
    deps.log.debug('calling again', { call: nameOf(call), attempt, delayMs: Math.round(delayMs), error });
    await deps.clock.sleep(delayMs * (1 + 0.2 * Math.random()), call.signal);
  }
}

/** A call that may have had its effect already is repeated only where the second time changes nothing. */
function isRepeatable({ method, stream }: HttpCall, error: ServiceError): boolean {
  if (stream !== undefined) return false;
  if (error.kind === 'limits') return true;
  return error.kind === 'unavailable' && (!error.mayHaveWorked || method !== 'POST');
}

class Failed {
  readonly error: ServiceError;
  readonly retryAfterMs: number | undefined;

  constructor(error: ServiceError, retryAfterMs?: number) {
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

async function callOnce(
  call: HttpCall,
  agent: Dispatcher,
  { log, userAgent }: HttpDeps,
): Promise<Answer | Failed> {
  const startedMs = performance.now();
  const limit = call.stream ? undefined : AbortSignal.timeout(call.timeoutMs ?? CALL_TIME_MS);
  const signal = AbortSignal.any([...(call.uncut ? [] : [call.signal]), ...(limit ? [limit] : [])]);
  const ms = () => Math.round(performance.now() - startedMs);
  try {
    const response = await send(call, agent, userAgent, signal);
    const text = await readText(response.body);
    const request = response.headers['x-openstack-request-id'] ?? response.headers['x-compute-request-id'];
    log.debug('call', {
      call: nameOf(call),
      status: response.statusCode,
      ms: ms(),
      openstackRequest: request,
    });
    const answer = { status: response.statusCode, headers: response.headers };
    if (response.statusCode < 400) return { ...answer, body: parse(text, call, answer) };
    return new Failed(refusal(call, answer, text), readRetryAfter(response.headers['retry-after']));
  } catch (error) {
    if (error instanceof ServiceError) return new Failed(error);
    if (!call.uncut) call.signal.throwIfAborted();
    const reason = limit?.aborted
      ? `no whole answer within ${(call.timeoutMs ?? CALL_TIME_MS) / 1000} s`
      : wordsFor(error);
    log.debug('call failed', { call: nameOf(call), ms: ms(), error: reason });
    return new Failed(
      new ServiceError(`${nameOf(call)}: ${reason}`, {
        kind: 'unavailable',
        reason,
        mayHaveWorked: !NEVER_ARRIVED.has(codeOf(error)),
        cause: error,
      }),
    );
  }
}

function send(call: HttpCall, agent: Dispatcher, userAgent: string, signal: AbortSignal) {
  const { method, url, json, stream } = call;
  return agent.request({
    origin: url.origin,
    path: url.pathname + url.search,
    method,
    signal,
    headersTimeout: stream ? 0 : STALL_MS,
    bodyTimeout: STALL_MS,
    headers: {
      accept: 'application/json',
      'user-agent': userAgent,
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(stream && { 'content-type': 'application/octet-stream', 'content-length': String(stream.bytes) }),
      ...call.headers,
    },
    body: stream?.body ?? (json === undefined ? null : JSON.stringify(json)),
  });
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error(`an answer of more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

type Head = Pick<Answer, 'status' | 'headers'>;

function parse(text: string, call: HttpCall, { status, headers }: Head): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const reason = `expected JSON, found ${JSON.stringify(text.slice(0, 60))}`;
    const message = `${nameOf(call)}: ${reason}${requestOf(headers)}`;
    throw new ServiceError(message, {
      kind: 'unavailable',
      status,
      reason,
      mayHaveWorked: true,
      cause: error,
    });
  }
}

function refusal(call: HttpCall, { status, headers }: Head, text: string): ServiceError {
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

/** `compute GET http://127.0.0.1:21003/v2.1/servers/detail`; queries can hold names only, never secrets. */
function nameOf({ service, method, url }: HttpCall): string {
  return `${service} ${method} ${url.origin}${url.pathname}`;
}

function requestOf(headers: Answer['headers']): string {
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

function codeOf(error: unknown): string {
  return textOf((error as { code?: unknown } | undefined)?.code);
}

function wordsFor(error: unknown): string {
  return WORDS[codeOf(error)] ?? reasonOf(error);
}
