/** HTTP as OpenStack services speak it: JSON both ways, retries, time limits, errors that say what was asked. */
import { readFile } from 'node:fs/promises';
import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Cloud } from './cloud.ts';
import { CloudError, type ServiceError } from './errors.ts';
import { callOnce, Failed } from './http-attempt.ts';
import { nameOf, type Answer, type HttpCall } from './http-call.ts';
import type { Pace } from './pace.ts';

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
