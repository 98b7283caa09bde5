import type { AddressInfo } from 'node:net';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Exposition } from '../metrics/registry.ts';
import type { Store } from '../store/store.ts';
import { addActions } from './actions.ts';
import { textAnswer } from './answer.ts';
import { addApiRoutes, API } from './api.ts';
import { createChangeLog, type ChangeLogOptions } from './change-log.ts';
import { addDocumentedRoutes } from './documented.ts';
import { createEvents, type EventsOptions } from './events.ts';
import { addLogPages } from './log-pages.ts';
import { addPageRoutes } from './page-files.ts';
import { openPlots } from './plots.ts';
import { createRouter, type Router } from './router.ts';
import { serveWeb } from './server.ts';
import { readToken } from './token.ts';
import { openViews } from '../operator/views.ts';

export interface WebOptions {
  store: Store;
  webapp: Pick<Config['webapp'], 'port' | 'listenAddress' | 'tokenFile'>;
  /** Where the port is configured, for messages; default `webapp.port`. */
  portKey?: string;
  log: Logger;
  clock: Clock;
  version: string;
  /** Why this process is not ready yet, one item for each reason. */
  whyNotReady: () => readonly string[];
  /** What `/metrics` answers; without it there is no such path. */
  metrics?: Exposition;
  /** Where plots outlive the process; without it they do not. */
  plotsFile?: string;
  buildLogDir?: string | undefined;
  changes?: ChangeLogOptions;
  events?: Partial<Pick<EventsOptions, 'most' | 'beatMs' | 'patienceMs'>>;
}

export interface Web {
  /** Resolves when the port is open. */
  listening: Promise<AddressInfo>;
  /** Event streams that are open. */
  readonly streams: number;
  close(): Promise<void>;
}

/** Opens the web application; a port that is taken is tried again and again. The store stays the caller's. */
export async function startWeb(options: WebOptions): Promise<Web> {
  const { store, webapp, portKey = 'webapp.port', clock, version, whyNotReady } = options;
  const log = options.log.named('WebApp');
  const views = await openViews(store);
  const changes = createChangeLog(views, clock, options.changes);
  const events = createEvents({ log: changes, clock, ...options.events });
  const plots = await openPlots(views, { file: options.plotsFile, clock, log });
  const router = createRouter(log);

  addDocumentedRoutes(router, views, clock);
  addApiRoutes(router, views, { clock, version, plots, buildLogDir: options.buildLogDir });
  addActions(router, { store, views, clock, log, tokenFile: webapp.tokenFile });
  addPageRoutes(router);
  addLogPages(router, views, clock, options.buildLogDir);
  router.on('GET', `${API}/events`, events.handler);
  router.on('GET', '/health', () => textAnswer(200, 'OK'));
  router.on('GET', '/ready', () => {
    const reasons = whyNotReady();
    return reasons.length === 0
      ? textAnswer(200, 'OK')
      : textAnswer(503, `not ready: ${reasons.join('; ')}\n`);
  });
  if (options.metrics) addMetricsRoute(router, options.metrics);
  await warnOfToken(webapp.tokenFile, log);

  const server = serveWeb(router, { ...webapp, portKey, log, clock });
  return {
    listening: server.listening,
    get streams() {
      return events.count;
    },
    async close() {
      events.close();
      await server.close();
      changes.close();
      await plots.close();
      views.close();
    },
  };
}

function addMetricsRoute(router: Router, metrics: NonNullable<WebOptions['metrics']>): void {
  router.on('GET', '/metrics', async () => ({
    status: 200,
    headers: { 'content-type': metrics.contentType, 'cache-control': 'no-store' },
    body: await metrics.exposition(),
  }));
}

/** Told at the start, not only when somebody wants to do something. */
async function warnOfToken(tokenFile: string | undefined, log: Logger): Promise<void> {
  if (tokenFile === undefined) return;
  try {
    await readToken(tokenFile);
  } catch (error) {
    log.error('actions on the web are not possible', { error: reasonOf(error) });
  }
}
