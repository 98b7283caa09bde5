/** One entry of clouds.yaml, read: everything that is needed to talk to a cloud. */
import type { Clouds } from './clouds-file.ts';
import { CloudError } from './errors.ts';
import { PROFILES } from './profiles.ts';
import { asSection, merge, type Section } from './section.ts';

export type Service = 'compute' | 'image' | 'network' | 'volume';

export interface Cloud {
  name: string;
  /** Of the file that says so, for messages. */
  file: string;
  /** `https://keystone.example.net/v3`, without a slash at its end. */
  authUrl: string;
  credentials: Credentials;
  /** Undefined: the first one of the catalogue. */
  region: string | undefined;
  /** `public`, or another one for a single service. */
  interfaceOf(service: Service): string;
  /** Instead of what the catalogue says. */
  endpointOf(service: Service): string | undefined;
  /** `2.67`: not more than this; undefined: what the service offers. */
  microversionOf(service: Service): string | undefined;
  tls: { verify: boolean; ca: string | undefined; cert: string | undefined; key: string | undefined };
  /** For one call; undefined: the default of the client. */
  timeoutMs: number | undefined;
  /** What `image_format` says: `qcow2`, `raw`, … */
  imageFormat: string;
  imageTasks: boolean;
  floatingIps: boolean;
  /** Instances are reached by their private address. */
  private: boolean;
  forceIpv4: boolean;
  networks: readonly NetworkHint[];
  /** Image properties that keep a vendor's agent out. */
  disableVendorAgent: Section;
}

/** What is said about a network in clouds.yaml. */
export interface NetworkHint {
  name: string;
  routesExternally: boolean | undefined;
  natSource: boolean;
  natDestination: boolean;
  defaultInterface: boolean;
}

/** The body of `POST /v3/auth/tokens`, but for its frame. Never logged. */
export interface Credentials {
  identity: Section;
  /** Missing for application credentials, whose project is fixed. */
  scope?: Section;
}

/** Which cloud, and in which region; `home` for `~` in the names of TLS files. Throws CloudError. */
export interface Wanted {
  cloud: string;
  region: string | undefined;
  home: string;
  forceIpv4: boolean;
}

export function readCloud(clouds: Clouds, wanted: Wanted): Cloud {
  const given = asSection(clouds.entries[wanted.cloud]);
  if (given === undefined) {
    const known = Object.keys(clouds.entries).sort().join(', ') || 'none';
    throw new CloudError(
      `cloud: expected a cloud of ${clouds.file} (${known}), found ${JSON.stringify(wanted.cloud)}`,
    );
  }
  const { entry, region } = chooseRegion(withProfile(given, clouds, wanted.cloud), wanted, clouds.file);
  const at = (key: string) => `${clouds.file}: clouds.${wanted.cloud}.${key}`;
  const textOf = (key: string): string | undefined => readText(entry[key]);
  const path = (key: string) => textOf(key)?.replace(/^~(?=\/)/, wanted.home);
  const serviceKey = (service: Service, key: string) =>
    KEYS_OF[service].map((name) => textOf(`${name}_${key}`)).find((value) => value !== undefined);

  return {
    name: wanted.cloud,
    file: clouds.file,
    authUrl: readAuthUrl(entry, region, at),
    credentials: readCredentials(entry, at),
    region,
    interfaceOf: (service) =>
      (
        serviceKey(service, 'interface') ??
        textOf('interface') ??
        textOf('endpoint_type') ??
        'public'
      ).replace(/URL$/, ''),
    endpointOf: (service) => serviceKey(service, 'endpoint_override') ?? serviceKey(service, 'endpoint'),
    microversionOf: (service) => serviceKey(service, 'default_microversion'),
    tls: {
      verify: readFlag(entry['verify'], !readFlag(entry['insecure'], false)),
      ca: path('cacert'),
      cert: path('cert'),
      key: path('key'),
    },
    timeoutMs: entry['api_timeout'] === undefined ? undefined : Number(entry['api_timeout']) * 1000,
    imageFormat: textOf('image_format') ?? 'qcow2',
    imageTasks: readFlag(entry['image_api_use_tasks'], false),
    floatingIps: (textOf('floating_ip_source') ?? 'neutron').toLowerCase() !== 'none',
    private: readFlag(entry['private'], false),
    forceIpv4:
      wanted.forceIpv4 ||
      readFlag(entry['force_ipv4'], readFlag(asSection(clouds.top['client'])?.['force_ipv4'], false)),
    networks: readNetworks(entry, at),
    disableVendorAgent: asSection(entry['disable_vendor_agent']) ?? {},
  };
}

/** Spellings of a service in keys of clouds.yaml, with `-` as `_`. */
const KEYS_OF: Readonly<Record<Service, readonly string[]>> = {
  compute: ['compute'],
  image: ['image'],
  network: ['network'],
  volume: ['block_storage', 'volume', 'volumev3', 'block_store'],
};

function withProfile(entry: Section, clouds: Clouds, name: string): Section {
  const profile = readText(entry['profile']) ?? readText(entry['cloud']);
  if (profile === undefined) return entry;
  const known = asSection(clouds.profiles[profile]) ?? asSection(PROFILES[profile]);
  if (known !== undefined) return merge(known, entry);
  const names = [...new Set([...Object.keys(clouds.profiles), ...Object.keys(PROFILES)])].sort().join(', ');
  throw new CloudError(
    `${clouds.file}: clouds.${name}.profile: expected a known profile (${names}), found ${JSON.stringify(profile)}`,
  );
}

/** The values of a region win over those of the cloud. */
function chooseRegion(
  entry: Section,
  { cloud, region: wanted }: Wanted,
  file: string,
): { entry: Section; region: string | undefined } {
  const regions = (Array.isArray(entry['regions']) ? (entry['regions'] as unknown[]) : []).map((given) => {
    const section = asSection(given);
    return section
      ? { name: readText(section['name']) ?? '', values: asSection(section['values']) ?? {} }
      : { name: String(given), values: {} };
  });
  const name = wanted ?? readText(entry['region_name']) ?? regions[0]?.name;
  const region = regions.find((candidate) => candidate.name === name);
  if (regions.length > 0 && region === undefined) {
    const known = regions.map((candidate) => candidate.name).join(', ');
    throw new CloudError(
      `region-name: expected a region of the cloud ${cloud} in ${file} (${known}), found ${JSON.stringify(name)}`,
    );
  }
  return { entry: region ? merge(entry, region.values) : entry, region: name };
}

type Place = (key: string) => string;

function readAuthUrl(entry: Section, region: string | undefined, at: Place): string {
  const given = readText(asSection(entry['auth'])?.['auth_url']);
  if (given === undefined)
    throw new CloudError(`${at('auth.auth_url')}: expected the URL of Keystone, found nothing`);
  const url = given.replaceAll('{region_name}', region ?? '').replace(/\/+$/, '');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new CloudError(
      `${at('auth.auth_url')}: expected an http or https URL, found ${JSON.stringify(given)}`,
    );
  }
  const base = url.replace(/\/v2\.0$/, '');
  return /\/v3$/.test(base) ? base : `${base}/v3`;
}

/** Keystone API v3: `identity` and `scope` of the authentication request. */
function readCredentials(entry: Section, at: Place): Credentials {
  const auth = spellings(asSection(entry['auth']) ?? {});
  const type =
    readText(entry['auth_type']) ??
    (auth('application_credential_secret') ? 'v3applicationcredential' : 'password');
  const need = (...keys: string[]): string => {
    const value = keys.map(auth).find((found) => found !== undefined);
    if (value === undefined)
      throw new CloudError(`${at(`auth.${keys[0] ?? ''}`)}: expected a value, found nothing`);
    return value;
  };
  const user = (): Section => {
    const id = auth('user_id');
    return id === undefined ? { name: need('username'), domain: domainOf(auth, 'user') } : { id };
  };
  switch (type) {
    case 'v3applicationcredential': {
      const secret = need('application_credential_secret');
      const id = auth('application_credential_id');
      const which = id
        ? { id }
        : { name: need('application_credential_id', 'application_credential_name'), user: user() };
      return {
        identity: { methods: ['application_credential'], application_credential: { ...which, secret } },
      };
    }
    case 'password':
    case 'v3password': {
      const password = { user: { ...user(), password: need('password') } };
      return withScope({ identity: { methods: ['password'], password } }, auth, at);
    }
    case 'token':
    case 'v3token':
      return withScope({ identity: { methods: ['token'], token: { id: need('token') } } }, auth, at);
    default:
      throw new CloudError(
        `${at('auth_type')}: expected password, token or v3applicationcredential, found ${JSON.stringify(type)}`,
      );
  }
}

type Lookup = (key: string) => string | undefined;

/** Old and alternative spellings of the keys of `auth`. */
function spellings(auth: Section): Lookup {
  const others: Readonly<Record<string, string>> = {
    project_name: 'tenant_name',
    project_id: 'tenant_id',
    username: 'user_name',
  };
  return (key) =>
    readText(auth[key]) ?? readText(auth[key.replaceAll('_', '-')]) ?? readText(auth[others[key] ?? '']);
}

function domainOf(auth: Lookup, of: 'user' | 'project'): Section {
  const id = auth(`${of}_domain_id`) ?? (auth(`${of}_domain_name`) ? undefined : auth('domain_id'));
  if (id !== undefined) return { id };
  const name = auth(`${of}_domain_name`) ?? auth('domain_name');
  const fallback = auth('default_domain_name') ?? auth('default_domain');
  if (name !== undefined || fallback !== undefined) return { name: name ?? fallback };
  return { id: auth('default_domain_id') ?? 'default' };
}

function withScope({ identity }: Credentials, auth: Lookup, at: Place): Credentials {
  const id = auth('project_id');
  if (id !== undefined) return { identity, scope: { project: { id } } };
  const name = auth('project_name');
  if (name === undefined)
    throw new CloudError(`${at('auth.project_name')}: expected the name of a project, found nothing`);
  return { identity, scope: { project: { name, domain: domainOf(auth, 'project') } } };
}

function readNetworks(entry: Section, at: Place): NetworkHint[] {
  const given = entry['networks'] ?? [];
  if (!Array.isArray(given)) throw new CloudError(`${at('networks')}: expected a list, found something else`);
  const hints = given.map((value: unknown, index): NetworkHint => {
    const network = asSection(value) ?? {};
    const name = readText(network['name']);
    if (name === undefined)
      throw new CloudError(`${at(`networks[${index}].name`)}: expected a name, found nothing`);
    return {
      name,
      routesExternally:
        network['routes_externally'] === undefined
          ? undefined
          : readFlag(network['routes_externally'], false),
      natSource: readFlag(network['nat_source'], false),
      natDestination: readFlag(network['nat_destination'], false),
      defaultInterface: readFlag(network['default_interface'], false),
    };
  });
  const external = readText(entry['external_network']);
  const internal = readText(entry['internal_network']);
  const none = { natSource: false, natDestination: false, defaultInterface: false };
  if (external) hints.push({ ...none, name: external, routesExternally: true, defaultInterface: true });
  if (internal) hints.push({ ...none, name: internal, routesExternally: false });
  return hints;
}

/** Numbers are texts as well: a project may be called 2024. */
function readText(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return typeof value === 'number' ? String(value) : undefined;
}

/** YAML's own booleans, and the texts that the environment can give. */
function readFlag(value: unknown, absent: boolean): boolean {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return absent;
  return ['true', '1', 'yes', 'on'].includes(value.toLowerCase());
}
