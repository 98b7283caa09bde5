import type { ProviderConfig } from '../config/config.ts';
import type { Finding, Provider } from '../driver/driver.ts';
import { EXIT_FAILED, Failure } from './failure.ts';
import { printJson, say } from './print.ts';
import type { Run, Tools } from './verb.ts';

const CHECK_TIME_MS = 120_000;
const CLOSE_TIME_MS = 5_000;
/** Drivers connect in the background; after this, a label that is not ready is told with its reason. */
const SETTLE_MS = 15_000;
const LOOK_MS = 200;

/** Tries a provider from here, with the configuration alone: neither launcher nor state is needed. */
export const run: Run = async (tools, { args }) => {
  const [name = ''] = args;
  const { config, provider } = await openProvider(tools, name);
  const findings: Finding[] = [];
  try {
    const signal = AbortSignal.any([tools.signal, AbortSignal.timeout(CHECK_TIME_MS)]);
    for await (const finding of provider.diagnose?.(signal) ?? checkLabels(tools, config, provider, signal)) {
      findings.push(finding);
      say(tools, `${finding.ok ? 'ok  ' : 'FAIL'}  ${finding.what}: ${finding.detail}`);
    }
    tools.signal.throwIfAborted();
  } finally {
    await provider.close(AbortSignal.timeout(CLOSE_TIME_MS)).catch(() => undefined);
  }
  if (tools.format === 'json') printJson(tools, { provider: name, findings });
  return findings.every(({ ok }) => ok) ? 0 : EXIT_FAILED;
};

async function openProvider(
  tools: Tools,
  name: string,
): Promise<{ config: ProviderConfig; provider: Provider }> {
  const { providers } = await tools.loadConfig();
  const config = providers.get(name);
  if (!config) {
    const known = [...providers.keys()].sort().join(', ') || 'none';
    throw new Failure(`unknown provider ${name}; known are: ${known}`);
  }
  const driver = (await tools.drivers()).find((candidate) => candidate.name === config.driver);
  if (!driver) throw new Failure(`there is no driver ${config.driver} for the provider ${name}`);
  const log = tools.log.named(`driver.${driver.name}`).child({ provider: name });
  return { config, provider: driver.open(config, { log, clock: tools.clock, onChange: () => undefined }) };
}

/** For drivers without a check of their own: can each label be served? */
async function* checkLabels(
  { clock }: Tools,
  config: ProviderConfig,
  provider: Provider,
  signal: AbortSignal,
): AsyncIterable<Finding> {
  const endMs = clock.nowMs() + SETTLE_MS;
  for (const pool of config.pools.values()) {
    for (const label of pool.labels.values()) {
      let unready = provider.unready(pool, label);
      while (unready?.temporary && clock.nowMs() < endMs) {
        await clock.sleep(LOOK_MS, signal);
        unready = provider.unready(pool, label);
      }
      const what = `label ${label.name} in ${pool.name}`;
      yield { what, ok: unready === undefined, detail: unready?.reason ?? 'ready' };
    }
  }
}
