/** Version 1 of the API, the part that reads: `/api/v1/...`, JSON only. */
import { nowS, type Clock } from '../clock.ts';
import { advise, summarise, type MoreFacts } from '../operator/summary.ts';
import { askPools } from '../operator/why.ts';
import type { Entry } from '../store/store.ts';
import { HttpError, JSON_TYPE, jsonAnswer, type Answer } from './answer.ts';
import { sortedById } from './documented.ts';
import { serveBuildLog } from './build-log.ts';
import { nodeFilter } from './filters.ts';
import { imageNames, imageRecord } from './images.ts';
import { createListBytes } from './list-bytes.ts';
import { openApi } from './openapi.ts';
import { RANGES, type Plots, type Range } from './plots.ts';
import { nodeJson, nodeRecord, poolRecord, requestRecord } from './records.ts';
import type { Router } from './router.ts';
import type { Views } from '../operator/views.ts';

export const API = '/api/v1';
const DEFAULT_LIMIT = 20_000;

export function addApiRoutes(
  router: Router,
  views: Views,
  deps: { clock: Clock; version: string; plots: Plots; buildLogDir: string | undefined },
): void {
  const { clock } = deps;
  const nodeList = createListBytes({ before: nodeJson }, clock);
  router.on('GET', `${API}/openapi.json`, () => jsonAnswer(200, openApi(deps.version)));

  router.on('GET', `${API}/nodes`, ({ query }) => {
    const fits = nodeFilter(query);
    const all = sortedById(views.nodes);
    const { page, next } = cut(
      all.filter(({ value }) => fits(value)),
      query,
    );
    return listAnswer('nodes', nodeList.read(all, page, nowS(clock)), next);
  });
  router.on('GET', `${API}/nodes/:id`, ({ params }) =>
    jsonAnswer(200, nodeRecord(find(views.nodes, params['id'], 'node'))),
  );

  router.on('GET', `${API}/requests`, ({ query }) => {
    const states = query.getAll('state');
    const facts = views.facts();
    const fits = sortedById(views.requests).filter(
      ({ value }) => states.length === 0 || states.includes(value.state),
    );
    const { page, next } = cut(fits, query);
    const now = nowS(clock);
    const records = page.map((entry) => requestRecord(entry, facts, now));
    return listAnswer('requests', bytesOf(records), next);
  });
  router.on('GET', `${API}/requests/:id`, ({ params }) => {
    const entry = find(views.requests, params['id'], 'request');
    const facts: MoreFacts = {
      ...views.facts(),
      nodes: [...views.nodes.values()],
      requests: [...views.requests.values()],
    };
    const now = nowS(clock);
    const answers = askPools(entry, facts);
    return jsonAnswer(200, {
      ...requestRecord(entry, facts, now),
      summary: summarise(entry, answers, now),
      advice: advise(entry, answers, facts, now),
      pools: answers.map((answer) => ({
        provider: answer.provider,
        pool: answer.pool,
        launcher: answer.launcherId,
        status: answer.status,
        reason: answer.reason,
        missing_labels: answer.missing,
        decided_time: answer.decidedTimeS,
      })),
    });
  });

  router.on('GET', `${API}/pools`, () => {
    const facts = views.facts();
    const counts = countByPool(views);
    const records = sortedById(views.pools).map((entry) => {
      const record = poolRecord(entry, facts);
      return { ...record, nodes: counts.get(`${record.provider}\n${record.pool}`) ?? {} };
    });
    return listAnswer('pools', bytesOf(records), null);
  });

  router.on('GET', `${API}/images`, () => {
    const records = imageNames(views).flatMap((image) => imageRecord(image, views) ?? []);
    return listAnswer('images', bytesOf(records), null);
  });
  router.on('GET', `${API}/builds/:image/:build/log`, serveBuildLog(views, clock, deps.buildLogDir));
  router.on('GET', `${API}/plots`, ({ query }) => {
    const range = query.get('range') ?? 'hour';
    if (!isRange(range)) throw new HttpError(400, `range: expected hour, day or week, found "${range}"`);
    const points = deps.plots.points(range).map(([time, nodes, in_use, waiting, failures, ready_s]) => ({
      time,
      nodes,
      in_use,
      waiting,
      failures,
      ready_s,
    }));
    return jsonAnswer(200, { range, step: RANGES[range], points });
  });
}

function isRange(text: string): text is Range {
  return Object.hasOwn(RANGES, text);
}

/** `limit` and `after`: the id of the last record that the client has. */
function cut<T>(
  entries: readonly Entry<T>[],
  query: URLSearchParams,
): { page: readonly Entry<T>[]; next: string | null } {
  const limit = readLimit(query.get('limit'));
  const after = query.get('after');
  const rest = after === null ? entries : entries.filter(({ id }) => id > after);
  const page = rest.slice(0, limit);
  return { page, next: rest.length > limit ? (page.at(-1)?.id ?? null) : null };
}

function readLimit(given: string | null): number {
  if (given === null) return DEFAULT_LIMIT;
  const limit = /^\d{1,6}$/.test(given) ? Number(given) : 0;
  if (limit < 1)
    throw new HttpError(400, `limit: expected a whole number from 1 to 999999, found "${given}"`);
  return limit;
}

/** `next` is the value for `after` that gives the next page; null on the last one. */
function listAnswer(name: string, records: readonly Buffer[], next: string | null): Answer {
  return {
    status: 200,
    headers: { 'content-type': JSON_TYPE, 'cache-control': 'no-store' },
    body: [Buffer.from(`{"${name}":[`), ...records, Buffer.from(`],"next":${JSON.stringify(next)}}`)],
  };
}

function bytesOf(records: readonly object[]): Buffer[] {
  return [Buffer.from(records.map((record) => JSON.stringify(record)).join(','))];
}

function find<T>(entries: ReadonlyMap<string, Entry<T>>, id: string | undefined, what: string): Entry<T> {
  const entry = entries.get(id ?? '');
  if (!entry) throw new HttpError(404, `${what} ${id ?? ''} does not exist`);
  return entry;
}

function countByPool(views: Views): Map<string, Record<string, number>> {
  const counts = new Map<string, Record<string, number>>();
  for (const { value } of views.nodes.values()) {
    const key = `${value.provider ?? ''}\n${value.pool ?? ''}`;
    let states = counts.get(key);
    if (!states) counts.set(key, (states = {}));
    states[value.state] = (states[value.state] ?? 0) + 1;
  }
  return counts;
}
