import { reasonOf } from '../errors.ts';
import type { Node } from '../model/node.ts';
import type { Entry } from '../store/store.ts';
import { Failure } from './failure.ts';
import type { Tools } from './verb.ts';

/** As long as a launcher gives one attempt. */
const DESTROY_TIMEOUT_MS = 600_000;
const CLOSE_TIMEOUT_MS = 5000;

/**
 * Prepares the removal of a node's instance by this process. Throws Failure when the node's provider is not configured
 * here; the returned function does the work and throws Failure when it fails.
 */
export async function destroyInstance(
  tools: Tools,
  { id, value: node }: Entry<Node>,
): Promise<(signal: AbortSignal) => Promise<void>> {
  const { externalId, pool, driverData } = node;
  if (externalId === null) return () => Promise.resolve();
  const config = (await tools.loadConfig()).providers.get(node.provider ?? '');
  if (!config) {
    throw new Failure(
      `node ${id} belongs to the provider ${node.provider ?? '(none)'}, which ${tools.configFile} does not have; ` +
        'delete it without --now, or erase the provider',
    );
  }
  const driver = (await tools.drivers()).find(({ name }) => name === config.driver);
  if (!driver) throw new Failure(`there is no driver ${config.driver} for the provider ${config.name}`);

  return async (signal) => {
    const log = tools.log.named(`driver.${driver.name}`).child({ nodeId: id });
    const provider = driver.open(config, { log, clock: tools.clock, onChange: () => undefined });
    try {
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(DESTROY_TIMEOUT_MS)]);
      await provider.destroy(externalId, inTime, { pool, driverData });
    } catch (error) {
      signal.throwIfAborted();
      throw new Failure(
        `node ${id} is marked as deleting, but its instance ${externalId} could not be removed: ` +
          `${reasonOf(error)}; a running launcher tries again`,
        undefined,
        { cause: error },
      );
    } finally {
      await provider.close(AbortSignal.timeout(CLOSE_TIMEOUT_MS)).catch((error: unknown) => {
        log.debug('the provider did not close', { error });
      });
    }
  };
}
