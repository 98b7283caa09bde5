/** Takes away all that a run has made, however far it came; safe to repeat, also for runs of earlier times. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  BUNDLES,
  CONTAINERS,
  controlGroups,
  describeTraces,
  entriesOf,
  isDriverInUse,
  isListening,
  mountsWith,
  removeTraces,
} from './driver-traces.ts';
import { stopLauncher } from './launcher.ts';
import { withLock } from './lock.ts';
import { findPlaces, removePlace, type Place } from './place.ts';
import { processesWith } from './processes.ts';
import { listNodes, nodepool, run } from './programs.ts';
import { findUser, removeUser } from './user.ts';

/** Each step is tried, even when one before it has failed; `leftovers` says what is left. */
export async function cleanUp(place: Place): Promise<void> {
  await attempt(() => stopLauncher(place));
  if (existsSync(join(place.directory, 'state'))) await attempt(() => deleteNodes(place));
  await attempt(() => removeContainers(place.name));
  await attempt(() => removeUser(place.name));
  await withLock(async () => {
    removePlace(place);
    if (findPlaces().length === 0) await removeTraces(place.record.before);
  });
}

/** The regular way, which needs no launcher. */
async function deleteNodes(place: Place): Promise<void> {
  const nodes = await listNodes(place);
  if (nodes.length > 0) await nodepool(place, ['delete', '--now', ...nodes.map(({ id }) => id)]);
}

/** Where the state was lost as well. */
async function removeContainers(name: string): Promise<void> {
  for (const id of containersOf(name)) await run('runc', ['delete', '--force', id]);
  for (const mount of mountsWith(`-${name}-`)) await run('umount', [mount]);
  for (const bundle of bundlesOf(name)) rmSync(join(BUNDLES, bundle), { recursive: true, force: true });
}

async function attempt(step: () => Promise<unknown>): Promise<void> {
  await step().catch(() => undefined);
}

/** One line for everything of the run that is still there; empty is the aim. `ports`: those its nodes had. */
export function findLeftovers(place: Place, ports: readonly number[] = []): string[] {
  const { name, directory, record } = place;
  const alone = findPlaces().length === 0 && !isDriverInUse();
  const groups = controlGroups().flatMap((group) => readdirSync(group).map((entry) => join(group, entry)));
  return [
    ...containersOf(name).map((id) => `container ${id}`),
    ...bundlesOf(name).map((id) => `bundle ${join(BUNDLES, id)}`),
    ...mountsWith(`-${name}-`).map((path) => `mount ${path}`),
    ...processesWith(directory).map(({ pid, command }) => `process ${pid}: ${command}`),
    ...ports.filter((port) => alone && isListening(port)).map((port) => `port ${port}`),
    ...groups.filter((group) => group.includes(`-${name}-`)).map((group) => `control group ${group}`),
    ...(findUser(name) ? [`user ${name}`] : []),
    ...[`/home/${name}`, directory].filter((path) => existsSync(path)).map((path) => `directory ${path}`),
    ...(alone ? describeTraces(record.before) : []),
  ];
}

/** What stays only because other quickstarts or launchers on this machine use it. */
export function findShared({ record }: Place): string[] {
  return findPlaces().length > 0 || isDriverInUse() ? describeTraces(record.before) : [];
}

/** Read from runC's own directory: `runc list` would make that directory again. */
function containersOf(name: string): string[] {
  return entriesOf(CONTAINERS).filter((id) => id.includes(`-${name}-`));
}

function bundlesOf(name: string): string[] {
  return entriesOf(BUNDLES).filter((id) => id.includes(`-${name}-`));
}
