/** A call made once: sent, timed, its answer read. */
import type { Dispatcher } from 'undici';
import type { Logger } from '../log.ts';
import { ServiceError } from './errors.ts';
import { nameOf, type Answer, type HttpCall } from './http-call.ts';
import { neverArrived, readRetryAfter, refusal, requestOf, wordsFor, type Head } from './http-failure.ts';

const CALL_TIME_MS = 60_000;
/** A body that neither comes nor goes for so long is given up. */
const STALL_MS = 60_000;
/** No answer of a service is as large as this. */
const MOST_BYTES = 256 * 2 ** 20;

export class Failed {
  readonly error: ServiceError;
  readonly retryAfterMs: number | undefined;

  constructor(error: ServiceError, retryAfterMs?: number) {
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

export async function callOnce(
  call: HttpCall,
  agent: Dispatcher,
  { log, userAgent }: { log: Logger; userAgent: string },
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
        mayHaveWorked: !neverArrived(error),
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
