/** What is left of a project's quota for this provider: the limits without what others use. */
import { addResources, NO_RESOURCES, subtractResources, type Resources } from '../model/resources.ts';
import { resourcesOfServer, type Flavor } from './flavors.ts';
import { markOf } from './mark.ts';
import { textOf, type Section } from './section.ts';
import { listServers, listVolumes, readLimits } from './services.ts';
import type { Session } from './session.ts';

export interface QuotaQuestion {
  session: Session;
  provider: string;
  flavors: readonly Flavor[];
  /** A label boots from a volume. */
  needsVolumes: boolean;
  signal: AbortSignal;
}

export async function readQuota(question: QuotaQuestion): Promise<Resources> {
  const { session, provider, flavors, needsVolumes, signal } = question;
  const [limits, servers] = await Promise.all([
    readLimits(session, 'compute', signal),
    listServers(session, signal),
  ]);
  const foreign = servers.filter((server) => markOf(server, provider) === undefined);
  const used = foreign.map((server) => resourcesOfServer(server, flavors)).reduce(addResources, NO_RESOURCES);
  const compute = withoutUse(
    {
      instances: limits['maxTotalInstances'],
      cores: limits['maxTotalCores'],
      ram: limits['maxTotalRAMSize'],
    },
    used,
  );
  return needsVolumes ? { ...compute, ...(await readVolumeQuota(question, servers)) } : compute;
}

/** Without a volume service there is room for none. */
async function readVolumeQuota(
  { session, provider, signal }: QuotaQuestion,
  servers: readonly Section[],
): Promise<Resources> {
  if (!(await session.has('volume', signal))) return { volumes: 0, 'volume-gb': 0 };
  const [limits, volumes] = await Promise.all([
    readLimits(session, 'volume', signal),
    listVolumes(session, signal),
  ]);
  const own = new Set(servers.flatMap((server) => (markOf(server, provider) ? [textOf(server['id'])] : [])));
  const isForeign = (volume: Section) =>
    markOf(volume, provider) === undefined && !serversOf(volume).some((id) => own.has(id));
  const used = volumes
    .filter(isForeign)
    .map((volume): Resources => ({ volumes: 1, 'volume-gb': Number(volume['size'] ?? 0) }))
    .reduce(addResources, NO_RESOURCES);
  return withoutUse(
    { volumes: limits['maxTotalVolumes'], 'volume-gb': limits['maxTotalVolumeGigabytes'] },
    used,
  );
}

export function serversOf(volume: Section): string[] {
  const attachments = volume['attachments'];
  return (Array.isArray(attachments) ? (attachments as Section[]) : []).map(({ server_id: id }) =>
    textOf(id),
  );
}

/** -1, and a limit that is not told, mean unlimited. */
function withoutUse(limits: Readonly<Record<string, unknown>>, used: Resources): Resources {
  const limited = Object.entries(limits).flatMap(([key, limit]) =>
    typeof limit === 'number' && limit >= 0 ? [[key, limit] as const] : [],
  );
  const relevant = Object.fromEntries(limited.map(([key]) => [key, used[key] ?? 0]));
  const left = subtractResources(Object.fromEntries(limited), relevant);
  return Object.fromEntries(Object.entries(left).map(([key, amount]) => [key, Math.max(0, amount)]));
}
