import { drainId } from '../model/drain.ts';
import { Failure } from './failure.ts';
import { checkPoolName } from './known-pools.ts';
import { printJson, say, warn } from './print.ts';
import type { Run } from './verb.ts';

/** Takes a provider or a pool back into service. */
export const run: Run = async (tools, { args }) => {
  const [provider = '', pool = null] = args;
  const store = await tools.openStore();
  const drains = (await store.drains.list()).filter(({ value }) => value.provider === provider);
  const wanted = drains.find(({ id }) => id === drainId(provider, pool));
  if (!wanted) {
    // A drain may outlive its provider's configuration; only an unknown one makes the name a mistake.
    const drained = drains.map(({ value }) => ({ provider, pool: value.pool ?? '' }));
    await checkPoolName(tools, store, { provider, pool }, drained);
    const other = drains.map(({ value }) => value.pool ?? 'the whole provider').join(', ');
    throw new Failure(
      `${pool === null ? provider : `${provider}/${pool}`} is not drained` +
        (other ? `, but ${other} is` : ''),
    );
  }
  await store.drains.remove(wanted.id);
  say(tools, `${pool === null ? provider : `${provider}/${pool}`} is back in service`);
  const left = drains.filter((drain) => drain !== wanted && (pool === null || drain.value.pool === null));
  for (const { value } of left)
    warn(
      tools,
      `${value.pool === null ? `all of ${provider}` : `${provider}/${value.pool}`} is still drained`,
    );
  if (tools.format === 'json')
    printJson(tools, { provider, pool, draining: left.some(({ value }) => value.pool === null) });
  return 0;
};
