/** One server, from a label to an instance that has proven to be reachable. */
import { cancelledLaunch } from '../driver/cancelled.ts';
import type { Instance, LaunchContext, LaunchSpec } from '../driver/driver.ts';
import { reasonOf } from '../errors.ts';
import { describeServer } from './describe-server.ts';
import { hasStatus, ServiceError } from './errors.ts';
import { asLaunchError } from './faults.ts';
import { waitForAddress } from './give-address.ts';
import type { BootImage, Launch } from './launch-record.ts';
import { markOf } from './mark.ts';
import { readLabelOptions } from './options.ts';
import { planServer } from './plan-server.ts';
import { scanServer } from './scan-server.ts';
import { textOf, type Section } from './section.ts';
import { createServer, listServers } from './services.ts';
import { markVolumes, waitUntilActive } from './wait-for-server.ts';
import type { Workshop } from './workshop.ts';

/** Removing what a failed launch has made may take so long; the reaper or the leak round goes on after that. */
const CLEAN_UP_TIME_MS = 120_000;

export async function launchServer(
  spec: LaunchSpec,
  context: LaunchContext,
  findImage: () => BootImage,
  shop: Workshop,
): Promise<Instance> {
  const { signal, onStep } = context;
  onStep?.('prepare');
  const label = readLabelOptions(spec.pool, spec.label);
  let launch: Launch;
  try {
    const [session, inventory] = await Promise.all([
      shop.connection.session(signal),
      shop.connection.inventory(signal),
    ]);
    launch = { spec, context, label, image: findImage(), inventory, session, shop };
  } catch (error) {
    throw signal.aborted ? cancelledLaunch(signal) : asLaunchError(error, 'prepare');
  }
  return makeServer(launch);
}

async function makeServer(launch: Launch): Promise<Instance> {
  const { context, shop, spec } = launch;
  const request = planServer(launch);
  // Until its id is stored, the leak round must not take the server for a leak.
  shop.unnamed.add(spec.nodeId);
  let serverId: string | undefined;
  try {
    context.onStep?.('create');
    serverId = await create(launch, request);
    await context.onExternalId(serverId);
    shop.unnamed.delete(spec.nodeId);
    return await finish(launch, serverId);
  } catch (error) {
    if (serverId !== undefined) await removeFailed(launch, serverId);
    throw context.signal.aborted ? cancelledLaunch(context.signal) : asLaunchError(error, 'create');
  } finally {
    shop.unnamed.delete(spec.nodeId);
  }
}

async function create(launch: Launch, request: Section): Promise<string> {
  const { session, context, shop } = launch;
  context.signal.throwIfAborted();
  try {
    return await createServer(session, request, context.signal);
  } catch (error) {
    if (error instanceof ServiceError && error.mayHaveWorked) await removeStrays(launch);
    if (hasStatus(error, 400)) shop.connection.refresh();
    throw error;
  }
}

async function finish(launch: Launch, serverId: string): Promise<Instance> {
  const { log, onStep } = launch.context;
  log.debug('server created', { externalId: serverId });
  onStep?.('start');
  const active = await waitUntilActive(launch, serverId);
  await markVolumes(launch, active);
  onStep?.('address');
  const { server, addresses } = await waitForAddress(launch, active);
  const hostKeys = await scanServer(launch, serverId, addresses);
  return describeServer(launch, server, addresses, hostKeys);
}

async function removeFailed({ shop, context }: Launch, serverId: string): Promise<void> {
  try {
    await shop.destroy(serverId, AbortSignal.timeout(CLEAN_UP_TIME_MS));
  } catch (error) {
    context.log.warning('what a failed launch has made is not gone yet', {
      externalId: serverId,
      error: reasonOf(error),
    });
  }
}

/** Nova may have made the server although its answer was lost: it is found by the node in its metadata. */
async function removeStrays({ shop, session, spec, context }: Launch): Promise<void> {
  const signal = AbortSignal.timeout(CLEAN_UP_TIME_MS);
  try {
    const servers = await listServers(session, signal);
    const strays = servers.filter((server) => markOf(server, shop.provider)?.nodeId === spec.nodeId);
    for (const server of strays) await shop.destroy(textOf(server['id']), signal);
  } catch (error) {
    context.log.warning('a server may have been left behind; the leak round removes it', {
      error: reasonOf(error),
    });
  }
}
