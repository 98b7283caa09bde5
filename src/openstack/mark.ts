/** What everything made here carries, so that it is found again after any crash, and nothing of others is touched. */
import type { LaunchSpec } from '../driver/driver.ts';
import type { LabelOptions } from './options.ts';
import { asSection, textOf, type Section } from './section.ts';
import { fillTemplate } from './template.ts';

const PROVIDER = 'nodepool_provider_name';
const NODE = 'nodepool_node_id';
const POOL = 'nodepool_pool_name';
/** Nova's limit for keys and values of metadata. */
const LONGEST = 255;

/** Metadata of a server, by Nodepool's keys: launchers of both kinds know each other's servers. */
export function serverMetadata(
  provider: string,
  image: string,
  spec: LaunchSpec,
  label: LabelOptions,
  warn: (key: string, problem: string) => void,
): Record<string, string> {
  const metadata: Record<string, string> = { groups: [provider, image, label.name].join(',') };
  for (const [key, value] of Object.entries(label.properties)) metadata[key] = asText(value);
  for (const [key, template] of Object.entries(label.dynamicProperties)) {
    try {
      metadata[key] = fillTemplate(asText(template), { request: spec.request ?? {} });
    } catch (error) {
      warn(key, error instanceof Error ? error.message : String(error));
    }
  }
  const own = {
    nodepool_image_name: image,
    nodepool_node_label: label.name,
    [NODE]: spec.nodeId,
    [POOL]: spec.pool.name,
    [PROVIDER]: provider,
  };
  const all = Object.entries({ ...metadata, ...own });
  return Object.fromEntries(all.map(([key, value]) => [key.slice(0, LONGEST), value.slice(0, LONGEST)]));
}

/** Texts as they are, everything else as JSON. */
function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value);
}

/** The node of a server or volume that is this provider's; undefined for those of others. */
export function markOf(
  found: Section,
  provider: string,
): { nodeId: string; pool: string | undefined } | undefined {
  const metadata = asSection(found['metadata']);
  if (metadata?.[PROVIDER] !== provider) return undefined;
  const pool = metadata[POOL];
  return { nodeId: textOf(metadata[NODE]), pool: typeof pool === 'string' ? pool : undefined };
}

/** Metadata of a volume that Nova made for a server. */
export function volumeMetadata(provider: string, nodeId: string): Record<string, string> {
  return { [PROVIDER]: provider, [NODE]: nodeId };
}

/** Floating IPs have no metadata, but a description: `nodepool cloud-a server 6c0f…`. */
export function floatingIpMark(provider: string, serverId: string): string {
  return `${floatingIpPrefix(provider)}${serverId}`;
}

export function floatingIpPrefix(provider: string): string {
  return `nodepool ${provider} server `;
}
