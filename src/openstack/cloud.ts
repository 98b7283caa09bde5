/** One entry of clouds.yaml, read: everything that is needed to talk to a cloud. */
import { readAuthUrl, readCredentials, type Credentials } from './cloud-credentials.ts';
import { readNetworks, type NetworkHint } from './cloud-networks.ts';
import type { Clouds } from './clouds-file.ts';
import { CloudError } from './errors.ts';
import { PROFILES } from './profiles.ts';
import { asSection, merge, readFlag, readText, type Section } from './section.ts';

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
