/** From the answer of Nova to a server that runs. */
import { LaunchError, reasonOf } from '../errors.ts';
import { faultOf } from './faults.ts';
import type { Launch } from './launch-record.ts';
import { volumeMetadata } from './mark.ts';
import { asSection, textOf, type Section } from './section.ts';
import { markVolume } from './services.ts';

export function waitUntilActive({ shop, context }: Launch, id: string): Promise<Section> {
  return shop.servers.until(
    ({ byId, isGone }) => {
      const server = byId.get(id);
      // A list that began after the creation and does not show it: somebody has deleted it.
      if (isGone(id) || server?.['status'] === 'SOFT_DELETED')
        throw new LaunchError('start', `the server ${id} was deleted by somebody else`);
      if (server?.['status'] === 'ERROR') throw faultOf(id, textOf(asSection(server['fault'])?.['message']));
      return server?.['status'] === 'ACTIVE' ? server : undefined;
    },
    { signal: context.signal, changesOnly: true },
  );
}

/** So that a volume that Nova leaves behind is known to be ours. Only the leak round needs it, so it may fail. */
export async function markVolumes(
  { label, session, shop, spec, context }: Launch,
  server: Section,
): Promise<void> {
  if (!label.bootFromVolume) return;
  for (const id of volumesOf(server)) {
    try {
      await markVolume(session, id, volumeMetadata(shop.provider, spec.nodeId), context.signal);
    } catch (error) {
      context.signal.throwIfAborted();
      context.log.warning('a volume is not marked as ours', { volume: id, error: reasonOf(error) });
    }
  }
}

function volumesOf(server: Section): string[] {
  const attached = server['os-extended-volumes:volumes_attached'];
  return (Array.isArray(attached) ? (attached as Section[]) : []).map((volume) => textOf(volume['id']));
}
