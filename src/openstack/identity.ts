/** Keystone API v3: a token, and what it opens. */
import type { Cloud, Service } from './cloud.ts';
import { CloudError, ServiceError, hasStatus } from './errors.ts';
import type { Http } from './http.ts';
import { asSection, textOf, type Section } from './section.ts';

export interface Token {
  /** Secret. */
  id: string;
  /** Milliseconds since 1970, by the clock of this machine: to be replaced from here on. */
  renewMs: number;
  projectId: string;
  catalog: readonly CatalogEntry[];
}

interface CatalogEntry {
  type: string;
  endpoints: readonly { interface: string; region: string; url: string }[];
}

/** A token is replaced so long before it expires, or after three quarters of a short life. */
const RENEW_EARLY_MS = 300_000;

/** Throws ServiceError; kind `auth` when Keystone does not let the account in, with the cloud's name in the message. */
export async function authenticate(
  cloud: Cloud,
  http: Http,
  nowMs: number,
  signal: AbortSignal,
): Promise<Token> {
  const url = new URL(`${cloud.authUrl}/auth/tokens`);
  try {
    const { headers, body } = await http.call({
      service: 'identity',
      method: 'POST',
      url,
      json: { auth: cloud.credentials },
      signal,
    });
    return readToken(headers['x-subject-token'], asSection(asSection(body)?.['token']), nowMs, url);
  } catch (error) {
    if (!hasStatus(error, 401, 403, 404)) throw error;
    const hint = error.status === 404 ? `is auth_url right?` : 'are user, password and project right?';
    const message = `cannot authenticate at the cloud ${cloud.name} (${cloud.file}): ${error.message}; ${hint}`;
    throw new ServiceError(message, {
      kind: 'auth',
      status: error.status,
      reason: error.reason,
      cause: error,
    });
  }
}

function readToken(id: unknown, token: Section | undefined, nowMs: number, url: URL): Token {
  const lifeMs = Date.parse(String(token?.['expires_at'])) - Date.parse(String(token?.['issued_at']));
  if (typeof id !== 'string' || token === undefined || !(lifeMs > 0)) {
    const reason = 'expected a token, found something else';
    throw new ServiceError(`identity POST ${url.href}: ${reason}`, { kind: 'unavailable', reason });
  }
  const catalog = (Array.isArray(token['catalog']) ? (token['catalog'] as unknown[]) : []).map(readEntry);
  return {
    id,
    renewMs: nowMs + lifeMs - Math.min(RENEW_EARLY_MS, lifeMs / 4),
    projectId: textOf(asSection(token['project'])?.['id']),
    catalog,
  };
}

function readEntry(given: unknown): CatalogEntry {
  const entry = asSection(given) ?? {};
  const endpoints = Array.isArray(entry['endpoints']) ? (entry['endpoints'] as unknown[]) : [];
  return {
    type: textOf(entry['type']),
    endpoints: endpoints.map((value) => {
      const endpoint = asSection(value) ?? {};
      return {
        interface: textOf(endpoint['interface']),
        region: textOf(endpoint['region_id'] ?? endpoint['region']),
        url: textOf(endpoint['url']),
      };
    }),
  };
}

/** Catalogue types of each service, the best first, and the version that is put behind a URL without one. */
const TYPES: Readonly<Record<Service, { types: readonly string[]; version: string }>> = {
  compute: { types: ['compute'], version: 'v2.1' },
  image: { types: ['image'], version: 'v2' },
  network: { types: ['network'], version: 'v2.0' },
  volume: { types: ['block-storage', 'volumev3', 'volume', 'volumev2'], version: 'v3/{project}' },
};

/**
 * The URL of a service, `http://127.0.0.1:21003/v2.1`, without a slash at its end. Undefined when the catalogue has no such
 * service; throws CloudError when it has it, but not in the wanted region or interface.
 */
export function findEndpoint(cloud: Cloud, token: Token, service: Service): string | undefined {
  const override = cloud.endpointOf(service);
  if (override !== undefined) return override.replace('%(project_id)s', token.projectId).replace(/\/+$/, '');

  const { types, version } = TYPES[service];
  const entries = types.flatMap((type) => token.catalog.filter((entry) => entry.type === type));
  if (entries.length === 0) return undefined;
  const all = entries.flatMap(({ endpoints }) => endpoints);
  const wanted = cloud.interfaceOf(service);
  const found = all.find(
    (endpoint) =>
      endpoint.interface === wanted && (cloud.region === undefined || endpoint.region === cloud.region),
  );
  if (found === undefined) throw missingEndpoint(cloud, service, all);
  const url = found.url.replace(/\/+$/, '');
  return /\/v\d+(\.\d+)?(\/|$)/.test(url) ? url : `${url}/${version.replace('{project}', token.projectId)}`;
}

function missingEndpoint(
  cloud: Cloud,
  service: Service,
  endpoints: readonly { interface: string; region: string }[],
): CloudError {
  const regions = [...new Set(endpoints.map(({ region }) => region))].sort().join(', ');
  if (cloud.region !== undefined && !endpoints.some(({ region }) => region === cloud.region)) {
    return new CloudError(
      `region-name: expected a region in which the cloud ${cloud.name} has a ${service} service (${regions}), ` +
        `found ${JSON.stringify(cloud.region)}`,
    );
  }
  const interfaces = [...new Set(endpoints.map((endpoint) => endpoint.interface))].sort().join(', ');
  return new CloudError(
    `interface: expected an interface of the ${service} service of the cloud ${cloud.name} (${interfaces}), ` +
      `found ${JSON.stringify(cloud.interfaceOf(service))}`,
  );
}
