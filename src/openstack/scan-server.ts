/** Proof that a server is reachable, and its host keys. */
import { checkTcp, scanHostKey } from '../driver/keyscan.ts';
import { reasonOf } from '../errors.ts';
import type { NodeAddresses } from './addresses.ts';
import type { Launch } from './launch-record.ts';
import { readConsole } from './services.ts';

const SCANNED_TYPES = new Set(['ssh', 'network_cli']);

export async function scanServer(
  launch: Launch,
  serverId: string,
  { interfaceIp = '' }: NodeAddresses,
): Promise<string[]> {
  const { label, image, context, shop } = launch;
  if (!label.hostKeyChecking) return [];
  const target = {
    host: interfaceIp,
    port: image.connectionPort,
    timeoutMs: shop.bootTimeoutMs,
    signal: context.signal,
    onOpen: () => context.onStep?.('keyscan'),
  };
  context.onStep?.('port');
  try {
    if (SCANNED_TYPES.has(image.connectionType)) return await scanHostKey(target);
    await checkTcp(target);
    return [];
  } catch (error) {
    if (label.consoleLog) await logConsole(launch, serverId);
    throw error;
  }
}

/** One line each, as they are searched for by node and attempt. */
async function logConsole({ session, context }: Launch, serverId: string): Promise<void> {
  try {
    const output = await readConsole(session, serverId, AbortSignal.timeout(CONSOLE_TIME_MS));
    for (const line of output.split(/\r?\n/)) {
      if (line !== '') context.log.info('console', { externalId: serverId, line });
    }
  } catch (error) {
    context.log.warning('the console cannot be read', { externalId: serverId, error: reasonOf(error) });
  }
}

const CONSOLE_TIME_MS = 30_000;
