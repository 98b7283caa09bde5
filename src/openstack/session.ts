/** Calls to the services of one cloud: the right endpoint, a valid token, pages put together. */
import type { Clock } from '../clock.ts';
import type { Cloud, Service } from './cloud.ts';
import { CloudError, hasStatus, ServiceError } from './errors.ts';
import type { Http } from './http.ts';
import type { Answer, HttpCall } from './http-call.ts';
import { authenticate, findEndpoint, type Token } from './identity.ts';
import { asSection, type Section } from './section.ts';

export interface SessionCall extends Pick<
  HttpCall,
  'json' | 'stream' | 'signal' | 'timeoutMs' | 'headers' | 'uncut'
> {
  service: Service;
  method: HttpCall['method'];
  /** Behind the endpoint: `/servers/detail`. */
  path: string;
  query?: Readonly<Record<string, string>>;
}

export interface ListCall extends Omit<SessionCall, 'method' | 'json' | 'stream'> {
  /** Of the array in the answer. */
  key: string;
  /** Told when a page arrives what time it is in the cloud (header `Date`), in milliseconds since 1970. */
  onDate?: (dateMs: number) => void;
}

export interface Session {
  readonly cloud: Cloud;
  call(call: SessionCall): Promise<Answer>;
  /** All pages of a list: `list({ service: 'compute', path: '/servers/detail', key: 'servers', … })`. */
  list(call: ListCall): Promise<Section[]>;
  /** False: the catalogue does not have it. */
  has(service: Service, signal: AbortSignal): Promise<boolean>;
  /** The project that the token is for. */
  projectId(signal: AbortSignal): Promise<string>;
  /** Is Nova at least as new as `2.37`? */
  supports(microversion: string, signal: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

/** Not more than what this driver knows: embedded flavors (2.47), types of volumes (2.67). */
const NEWEST_MICROVERSION = '2.67';
/** More pages than this is a service that goes round in circles. */
const MOST_PAGES = 10_000;

export interface SessionDeps {
  clock: Clock;
  /** Told of every call that failed for a reason that concerns the whole cloud. */
  onTrouble: (error: ServiceError) => void;
}

export function openSession(cloud: Cloud, http: Http, { clock, onTrouble }: SessionDeps): Session {
  let token: Token | undefined;
  let asking: Promise<Token> | undefined;
  let microversion: Promise<string> | undefined;
  const ended = new AbortController();

  /** One at a time, for everybody who waits; nobody's own cancellation ends it for the others. */
  const renew = () =>
    (asking ??= authenticate(cloud, http, clock.nowMs(), ended.signal)
      .then((fresh) => (token = fresh))
      .finally(() => (asking = undefined)));
  const validToken = async (signal: AbortSignal): Promise<Token> =>
    token !== undefined && clock.nowMs() < token.renewMs ? token : orAborted(renew(), signal);

  const endpoint = (current: Token, service: Service): string => {
    const url = findEndpoint(cloud, current, service);
    if (url !== undefined) return url;
    throw new CloudError(`the cloud ${cloud.name} has no ${service} service in its catalogue`);
  };

  const attempt = async (call: SessionCall, current: Token): Promise<Answer> => {
    const { service, path, query, headers, ...rest } = call;
    const url = new URL(path.startsWith('http') ? path : endpoint(current, service) + path);
    for (const [key, value] of Object.entries(query ?? {})) url.searchParams.set(key, value);
    const version = service === 'compute' ? await knownMicroversion(call.signal) : undefined;
    return http.call({
      ...rest,
      service,
      url,
      headers: { 'x-auth-token': current.id, ...microversionHeaders(version), ...headers },
    });
  };

  const call: Session['call'] = async (wanted) => {
    try {
      return await callTwice(wanted);
    } catch (error) {
      const concernsAll =
        error instanceof ServiceError && (error.kind === 'auth' || error.kind === 'unavailable');
      if (concernsAll) onTrouble(error);
      throw error;
    }
  };

  /** Services forget tokens, for instance when Keystone's keys have changed: then once more with a new one. */
  const callTwice: Session['call'] = async (wanted) => {
    const first = await validToken(wanted.signal);
    try {
      return await attempt(wanted, first);
    } catch (error) {
      if (!hasStatus(error, 401) || wanted.stream) throw error;
      if (token === first) token = undefined;
      return attempt(wanted, await validToken(wanted.signal));
    }
  };

  const knownMicroversion = (signal: AbortSignal): Promise<string> => {
    const found = (microversion ??= discover().catch((error: unknown) => {
      microversion = undefined;
      throw error;
    }));
    return orAborted(found, signal);
  };

  /** Nova's own document at the root of its endpoint says what it understands. */
  const discover = async (): Promise<string> => {
    const wanted = cloud.microversionOf('compute') ?? NEWEST_MICROVERSION;
    const current = await validToken(ended.signal);
    const root = endpoint(current, 'compute').replace(/(\/v\d+(?:\.\d+)?)(\/.*)?$/, '$1/');
    const { body } = await http.call({
      service: 'compute',
      method: 'GET',
      url: new URL(root),
      headers: { 'x-auth-token': current.id },
      signal: ended.signal,
    });
    const offered = asSection(asSection(body)?.['version'])?.['version'];
    return typeof offered === 'string' && offered !== '' ? lowerVersion(offered, wanted) : '2.1';
  };

  const list: Session['list'] = async ({ key, onDate, ...wanted }) => {
    const found: Section[] = [];
    let path: string | undefined = wanted.path;
    let { query } = wanted;
    for (let pages = 0; path !== undefined; pages += 1) {
      const { body, headers } = await call({ ...wanted, ...(query && { query }), method: 'GET', path });
      const dateMs = Date.parse(String(headers['date']));
      if (!Number.isNaN(dateMs)) onDate?.(dateMs);
      const page = asSection(body);
      const items = page?.[key];
      if (!Array.isArray(items)) throw unexpected(wanted, `a list of ${key}`);
      found.push(...(items as unknown[]).flatMap<Section>((item) => asSection(item) ?? []));
      const next = nextPage(page ?? {}, key, headers['link'], await endpointFor(wanted));
      if (next !== undefined && (next === path || pages > MOST_PAGES)) {
        throw unexpected(wanted, 'pages that come to an end');
      }
      path = items.length === 0 ? undefined : next;
      query = undefined;
    }
    return found;
  };

  const endpointFor = async ({ service, signal }: Pick<SessionCall, 'service' | 'signal'>) =>
    endpoint(await validToken(signal), service);

  return {
    cloud,
    call,
    list,
    has: async (service, signal) => findEndpoint(cloud, await validToken(signal), service) !== undefined,
    projectId: async (signal) => (await validToken(signal)).projectId,
    supports: async (version, signal) => compareVersions(await knownMicroversion(signal), version) >= 0,
    close() {
      ended.abort(new Error('the provider is closed'));
      return http.close();
    },
  };
}

function microversionHeaders(version: string | undefined): Record<string, string> {
  if (version === undefined || version === '2.1') return {};
  return { 'openstack-api-version': `compute ${version}`, 'x-openstack-nova-api-version': version };
}

/**
 * Where the next page is: Nova's and Neutron's `servers_links`, Glance's `next`, or a Link header (RFC 8288). Services
 * behind a proxy give URLs that only they know, so host and base path stay those of the endpoint.
 */
function nextPage(page: Section, key: string, link: unknown, endpoint: string): string | undefined {
  const links = Array.isArray(page[`${key}_links`]) ? (page[`${key}_links`] as Section[]) : [];
  const given =
    links.find((candidate) => candidate.rel === 'next')?.['href'] ??
    page['next'] ??
    (typeof link === 'string' ? /<([^>]+)>;\s*rel="?next"?/.exec(link)?.[1] : undefined);
  if (typeof given !== 'string') return undefined;
  const { pathname, search } = new URL(given, `${endpoint}/`);
  const base = new URL(endpoint);
  const version = /\/v\d+(?:\.\d+)?(?:\/|$)/.exec(base.pathname);
  const inside = version ? pathname.slice(Math.max(0, pathname.indexOf(version[0]))) : pathname;
  const prefix = version ? base.pathname.slice(0, version.index) : '';
  return base.origin + prefix + inside + search;
}

function unexpected({ service, path }: { service: string; path: string }, expected: string): ServiceError {
  const reason = `expected ${expected}, found something else`;
  return new ServiceError(`${service} GET ${path}: ${reason}`, { kind: 'unavailable', reason });
}

function lowerVersion(a: string, b: string): string {
  return compareVersions(a, b) < 0 ? a : b;
}

function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}

/** What somebody else works on as well, left when one's own signal ends the waiting. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined);
    return Promise.reject(signal.reason as Error);
  }
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
