/**
 * The routes that scripts and dashboards made for the older web application rely on: the same paths, fields and types,
 * as a text table or as JSON. Each answer is kept for a second.
 */
import { nowS, type Clock } from '../clock.ts';
import type { Node } from '../model/node.ts';
import { buildColumns, statusColumns, uploadColumns } from '../operator/image-columns.ts';
import { allNodeColumns } from '../operator/node-columns.ts';
import { requestColumns } from '../operator/request-columns.ts';
import { renderTable, toObjects, type Column } from '../operator/table.ts';
import { registeredPools } from '../operator/why.ts';
import type { Entry } from '../store/store.ts';
import { JSON_TYPE, TEXT, type Answer, type Call } from './answer.ts';
import { nodeFilter } from './filters.ts';
import { imageNames, imageStatus } from './images.ts';
import { prefersJson } from './negotiate.ts';
import { keepAnswers } from './kept-answers.ts';
import { createListBytes, type ListBytes } from './list-bytes.ts';
import { documentedNode } from './node-json.ts';
import type { Router } from './router.ts';
import type { Views } from '../operator/views.ts';

/** What a route shows, in either form. */
interface Listing {
  text(fields: ReadonlySet<string> | undefined): string;
  json(): NonNullable<Answer['body']>;
}

const KEPT_MS = 1000;

export function addDocumentedRoutes(router: Router, views: Views, clock: Clock): void {
  const kept = keepAnswers(KEPT_MS, clock);
  const nodeList = createListBytes(documentedNode, clock);
  const isPaused = (image: string) => views.imagePauses.has(image);

  const serve = (path: string, list: (query: URLSearchParams) => Listing) => {
    router.on('GET', path, ({ request, query }: Call) => {
      const json = prefersJson(request.headers.accept);
      const key = `${json} ${path}?${query.toString()}`;
      const { answer, renderedMs } = kept.get(key, (now) => render(list(query), json, query, now));
      return isUnchanged(request.headers['if-modified-since'], renderedMs)
        ? { ...answer, status: 304, body: '' }
        : answer;
    });
  };

  serve('/node-list', (query) => listNodes(views, nodeList, query, nowS(clock)));
  serve('/request-list', () => tableOf(requestColumns, sortedById(views.requests)));
  serve('/image-list', () => tableOf(uploadColumns(nowS(clock)), sortedById(views.uploads)));
  serve('/dib-image-list', () => tableOf(buildColumns(nowS(clock), isPaused), sortedById(views.builds)));
  serve('/image-status', () => {
    const statuses = imageNames(views).map((image) => imageStatus(image, views));
    return tableOf(statusColumns(nowS(clock)), statuses);
  });
  serve('/label-list', () => tableOf(labelColumns, labelsOf(views)));
}

const labelColumns: readonly Column<string>[] = [{ header: 'Label', key: 'label', value: (label) => label }];

/** Labels of all registered pools. */
function labelsOf(views: Views): string[] {
  return [...new Set(registeredPools(views.facts()).flatMap((pool) => pool.labels))].sort();
}

function listNodes(views: Views, nodeList: ListBytes<Node>, query: URLSearchParams, now: number): Listing {
  const id = query.get('node_id');
  const all = sortedById(views.nodes);
  const fits = nodeFilter(query);
  const nodes = all.filter((entry) => (id === null || entry.id === id) && fits(entry.value));
  return {
    text: tableOf(allNodeColumns(now), nodes).text,
    json: () => [Buffer.from('['), ...nodeList.read(all, nodes, now), Buffer.from(']')],
  };
}

/** `fields` names keys, not headers; unknown ones are ignored, the order stays, and JSON always has all of them. */
export function tableOf<T>(columns: readonly Column<T>[], rows: readonly T[]): Listing {
  return {
    text(fields) {
      const shown = fields ? columns.filter(({ key }) => fields.has(key)) : columns;
      return renderTable(shown, rows);
    },
    json: () => JSON.stringify(toObjects(columns, rows)),
  };
}

export function sortedById<T>(entries: ReadonlyMap<string, Entry<T>>): Entry<T>[] {
  const list = [...entries.values()];
  const sorted = list.every((entry, place) => place === 0 || (list[place - 1]?.id ?? '') < entry.id);
  return sorted ? list : list.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function render(listing: Listing, json: boolean, query: URLSearchParams, renderedMs: number): Answer {
  const fields = query.get('fields');
  const body = json ? listing.json() : listing.text(fields ? new Set(fields.split(',')) : undefined);
  return {
    status: 200,
    headers: {
      'content-type': json ? JSON_TYPE : TEXT,
      'access-control-allow-origin': '*',
      'cache-control': 'max-age=1, public',
      vary: 'accept',
      'last-modified': new Date(renderedMs).toUTCString(),
      expires: new Date(renderedMs + KEPT_MS).toUTCString(),
    },
    body,
  };
}

/** HTTP dates have no fractions of a second. */
function isUnchanged(since: string | undefined, renderedMs: number): boolean {
  if (since === undefined) return false;
  const sinceMs = Date.parse(since);
  return Number.isFinite(sinceMs) && Math.floor(renderedMs / 1000) * 1000 <= sinceMs;
}
