/** What servers have left behind: ports, floating IPs and volumes. Removed when seen twice, as leaked servers are. */
import { reasonOf } from '../errors.ts';
import { removeFloatingIps } from './floating-ips.ts';
import { isLeftOver } from './left-over-ips.ts';
import { markOf } from './mark.ts';
import { serversOf } from './quota.ts';
import { textOf, type Section } from './section.ts';
import { deletePort, deleteVolume, listPorts, listVolumes } from './services.ts';
import type { Session } from './session.ts';
import { allServers, type Workshop } from './workshop.ts';

export interface LeakHunt {
  /** One round over everything. */
  run(signal: AbortSignal): Promise<void>;
}

interface Kind {
  what: string;
  /** How long something must have been seen before it goes. */
  ageMs: number;
  find(session: Session, servers: ReadonlySet<string>, signal: AbortSignal): Promise<Section[]>;
  remove(session: Session, found: Section, signal: AbortSignal): Promise<boolean>;
}

export function createLeakHunt(shop: Workshop, needsVolumes: boolean): LeakHunt {
  const kinds: Kind[] = [
    ...(shop.options.portCleanupMs > 0 ? [ports(shop.options.portCleanupMs)] : []),
    floatingIps(shop),
    ...(needsVolumes ? [volumes(shop.provider)] : []),
  ];
  /** By kind: id → when it was first seen, in milliseconds since 1970. */
  const seen = new Map(kinds.map((kind) => [kind.what, new Map<string, number>()]));

  const hunt = async (kind: Kind, session: Session, servers: ReadonlySet<string>, signal: AbortSignal) => {
    const before = seen.get(kind.what) ?? new Map<string, number>();
    const now = new Map<string, number>();
    seen.set(kind.what, now);
    for (const found of await kind.find(session, servers, signal)) {
      const id = textOf(found['id']);
      const firstMs = before.get(id);
      now.set(id, firstMs ?? shop.clock.nowMs());
      if (firstMs === undefined || shop.clock.nowMs() - firstMs < kind.ageMs) continue;
      shop.log.warning(`removing a ${kind.what} that a server has left behind`, { id });
      await kind.remove(session, found, signal);
      now.delete(id);
    }
  };

  return {
    async run(signal) {
      const session = await shop.connection.session(signal);
      const servers = new Set((await allServers(shop, signal)).keys());
      for (const kind of kinds) {
        try {
          await hunt(kind, session, servers, signal);
        } catch (error) {
          shop.log.debug(`cannot look for a leaked ${kind.what}`, { error: reasonOf(error) });
        }
      }
    },
  };
}

/** Ports that are down and whose server does not exist. A port that was never for a server is left to whoever made it. */
function ports(ageMs: number): Kind {
  return {
    what: 'port',
    ageMs,
    async find(session, servers, signal) {
      const down = await listPorts(session, { status: 'DOWN' }, signal);
      return down.filter((port) => {
        const [owner, device] = [textOf(port['device_owner']), textOf(port['device_id'])];
        return (owner === '' || owner.startsWith('compute:')) && device !== '' && !servers.has(device);
      });
    },
    remove: (session, port, signal) => deletePort(session, textOf(port['id']), signal),
  };
}

/** Unattached ones that carry our mark; with `clean-floating-ips` all unattached ones of the project. */
function floatingIps(shop: Workshop): Kind {
  return {
    what: 'floating IP',
    ageMs: 0,
    async find(session, servers, signal) {
      if (!session.cloud.floatingIps) return [];
      return (await shop.floatingIps.next(signal)).filter((ip) => isLeftOver(ip, servers, shop));
    },
    remove: (session, ip, signal) => removeFloatingIps(session, [ip], signal),
  };
}

/** Volumes that Nova made for our servers, kept by nobody. */
function volumes(provider: string): Kind {
  return {
    what: 'volume',
    ageMs: 0,
    async find(session, servers, signal) {
      if (!(await session.has('volume', signal))) return [];
      return (await listVolumes(session, signal)).filter(
        (volume) =>
          markOf(volume, provider) !== undefined &&
          ['available', 'error'].includes(textOf(volume['status'])) &&
          !serversOf(volume).some((id) => servers.has(id)),
      );
    },
    remove: (session, volume, signal) => deleteVolume(session, textOf(volume['id']), signal),
  };
}
