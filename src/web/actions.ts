/**
 * What can be done from the web: only with the token, and logged with who and what. Without `webapp.token_file` there
 * are no actions at all.
 */
import type { Clock } from '../clock.ts';
import { NotFoundError, reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { drainId } from '../model/drain.ts';
import { drainPool } from '../operator/drain-pool.ts';
import { holdNode } from '../operator/hold-node.ts';
import { requestBuild } from '../operator/image-actions.ts';
import { markDeleting } from '../operator/mark-deleting.ts';
import { Refusal } from '../operator/refusal.ts';
import type { Store } from '../store/store.ts';
import { HttpError, jsonAnswer, type Answer, type Call } from './answer.ts';
import { API } from './api.ts';
import { readJson } from './body.ts';
import { imageNames } from './images.ts';
import { nodeRecord } from './records.ts';
import type { Router } from './router.ts';
import { bearerOf, readToken, sameToken } from './token.ts';
import type { Views } from '../operator/views.ts';

export interface ActionDeps {
  store: Store;
  views: Views;
  clock: Clock;
  log: Logger;
  tokenFile: string | undefined;
}

/** An action waits for nothing longer than this. */
const ACTION_MS = 20_000;

type Work = (
  call: Call,
  input: Record<string, unknown>,
  who: string,
  signal: AbortSignal,
) => Promise<unknown>;

export function addActions(router: Router, deps: ActionDeps): void {
  const { store, clock } = deps;
  const on = (path: string, what: string, work: Work) =>
    router.on('POST', `${API}${path}`, (call) => act(call, what, work, deps));

  on('/nodes/:id/hold', 'hold a node', async ({ params }, input, who, signal) => {
    const reason = readReason(input['reason']);
    const forS = readSeconds(input['for']);
    const entry = await holdNode(store, params['id'] ?? '', { who, reason, forS, clock, signal });
    if (!entry) throw new HttpError(404, `node ${params['id'] ?? ''} has just been deleted`);
    return nodeRecord(entry);
  });
  on('/nodes/:id/delete', 'delete a node', async ({ params }, _input, _who, signal) =>
    nodeRecord(await markDeleting(store, params['id'] ?? '', { clock, signal })),
  );
  on('/images/:image/build', 'build an image', async ({ params }) => {
    const { image = '' } = params;
    if (!imageNames(deps.views).includes(image)) throw new HttpError(404, `there is no image ${image}`);
    await requestBuild(store, image);
    return { build_requested: true };
  });
  const drain: Work = async ({ params }) => {
    const place = placeOf(params, deps.views);
    await drainPool(store, place, clock);
    return { draining: true };
  };
  const undrain: Work = async ({ params }) => {
    const { provider = '', pool = null } = params;
    await store.drains.remove(drainId(provider, pool));
    return { draining: await isDrained(store, provider) };
  };
  for (const path of ['/providers/:provider', '/pools/:provider/:pool']) {
    on(`${path}/drain`, 'drain', drain);
    on(`${path}/undrain`, 'end a drain', undrain);
  }
}

async function act(call: Call, what: string, work: Work, deps: ActionDeps): Promise<Answer> {
  const { request, params } = call;
  const from = request.socket.remoteAddress;
  const named = request.headers['x-nodepool-user'];
  const name = typeof named === 'string' && named !== '' ? decodeName(named).slice(0, 100) : undefined;
  const who = name ?? `somebody at ${from ?? 'an unknown address'}`;
  const log = deps.log.child({ action: what, ...params, who: name, from });
  await checkToken(request.headers.authorization, deps, log);
  const input = await readJson(request);
  try {
    const result = await work(call, input, who, AbortSignal.timeout(ACTION_MS));
    log.info('done for an operator on the web');
    return jsonAnswer(200, result);
  } catch (error) {
    log.info('refused to an operator on the web', { error: reasonOf(error) });
    if (error instanceof Refusal) throw new HttpError(error.kind === 'not found' ? 404 : 409, error.message);
    if (error instanceof NotFoundError) throw new HttpError(404, error.message);
    throw error;
  }
}

/** Browsers send names percent-encoded, since a header holds ASCII only. */
function decodeName(given: string): string {
  try {
    return decodeURIComponent(given);
  } catch {
    return given;
  }
}

async function checkToken(authorization: string | undefined, deps: ActionDeps, log: Logger): Promise<void> {
  if (deps.tokenFile === undefined)
    throw new HttpError(403, 'there are no actions here: webapp.token_file is not configured');
  let expected: string;
  try {
    expected = await readToken(deps.tokenFile);
  } catch (error) {
    log.error('actions on the web are not possible', { error: reasonOf(error) });
    throw new HttpError(
      403,
      'actions are not possible: the token file cannot be used; see the log of the launcher',
    );
  }
  const given = bearerOf(authorization);
  if (given === undefined) throw new HttpError(401, 'expected the header "Authorization: Bearer TOKEN"');
  if (sameToken(given, expected)) return;
  log.warning('an action on the web came with a wrong token');
  throw new HttpError(401, 'the token is wrong');
}

/** Only what a running launcher serves can be drained from here. */
function placeOf(params: Call['params'], views: Views): { provider: string; pool: string | null } {
  const { provider = '', pool = null } = params;
  const known = [...views.pools.values()].some(
    ({ value }) => value.provider === provider && (pool === null || value.pool === pool),
  );
  if (!known)
    throw new HttpError(
      404,
      `no running launcher serves ${pool === null ? provider : `${provider}/${pool}`}`,
    );
  return { provider, pool };
}

async function isDrained(store: Store, provider: string): Promise<boolean> {
  return (await store.drains.get(drainId(provider, null))) !== undefined;
}

function readReason(given: unknown): string | undefined {
  if (given === undefined || given === null || given === '') return undefined;
  if (typeof given === 'string' && given.length <= 1000) return given;
  throw new HttpError(400, 'reason: expected a text of at most 1000 characters');
}

function readSeconds(given: unknown): number | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given === 'number' && Number.isSafeInteger(given) && given > 0) return given;
  throw new HttpError(400, 'for: expected a whole number of seconds, at least 1');
}
