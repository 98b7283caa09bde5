import type { ProviderConfig } from '../config/config.ts';
import { didYouMean } from '../config/words.ts';
import { reasonOf } from '../errors.ts';
import { parseUploadId } from '../model/image.ts';
import { ALIEN_COLUMNS, type AlienImage } from '../operator/image-columns.ts';
import type { Store } from '../store/store.ts';
import { EXIT_FAILED, Failure } from './failure.ts';
import { printRows, warn } from './print.ts';
import type { Run, Tools } from './verb.ts';

const TIME_MS = 120_000;

/** Images in providers that carry our mark, but that no upload accounts for. A provider that fails does not stop the others. */
export const run: Run = async (tools, { args }) => {
  const [only] = args;
  const [store, config] = await Promise.all([tools.openStore(), tools.loadConfig()]);
  let failed = false;
  const rows: AlienImage[] = [];
  if (only !== undefined && !config.providers.has(only)) {
    throw new Failure(
      `no provider ${only} in the configuration${didYouMean(only, [...config.providers.keys()])}`,
    );
  }
  for (const provider of config.providers.values()) {
    if (only !== undefined && provider.name !== only) continue;
    try {
      rows.push(...(await findAliens(tools, store, provider)));
    } catch (error) {
      tools.signal.throwIfAborted();
      failed = true;
      warn(tools, `cannot list the images of ${provider.name}: ${reasonOf(error)}`);
    }
  }
  printRows(tools, rows, ALIEN_COLUMNS);
  return failed ? EXIT_FAILED : 0;
};

async function findAliens(tools: Tools, store: Store, config: ProviderConfig): Promise<AlienImage[]> {
  const driver = (await tools.drivers()).find(({ name }) => name === config.driver);
  if (driver?.managesImages !== true) return [];
  const signal = AbortSignal.any([tools.signal, AbortSignal.timeout(TIME_MS)]);
  const provider = driver.open(config, { log: tools.log, clock: tools.clock, onChange: () => undefined });
  try {
    const found = (await provider.images?.list(signal)) ?? [];
    const uploads = (await store.uploads.list()).filter(
      ({ id }) => parseUploadId(id).provider === config.name,
    );
    const ours = new Set(uploads.map(({ value }) => value.externalId));
    return found
      .filter(({ externalId }) => !ours.has(externalId))
      .map(({ name, externalId }) => ({ provider: config.name, name, externalId }));
  } finally {
    await provider.close(signal);
  }
}
