import { nowS } from '../clock.ts';
import type { Node } from '../model/node.ts';
import type { Entry, Store } from '../store/store.ts';
import { formatSpan } from '../operator/cell.ts';
import { drainPool } from '../operator/drain-pool.ts';
import { checkPoolName } from './known-pools.ts';
import { printJson, say } from './print.ts';
import { startProgress } from './progress.ts';
import type { Run, Tools } from './verb.ts';

/** Takes a provider or a pool out of service: no new nodes, those in use finish. */
export const run: Run = async (tools, { args, options }) => {
  const [provider = '', pool = null] = args;
  const store = await tools.openStore();
  await checkPoolName(tools, store, { provider, pool });
  await drainPool(store, { provider, pool }, tools.clock);
  const where = pool === null ? provider : `${provider}/${pool}`;
  say(
    tools,
    `draining ${where}: no new nodes; nodepool undrain ${[provider, pool ?? ''].join(' ').trim()} ends it`,
  );

  const isOurs = ({ value }: Entry<Node>) =>
    value.provider === provider && (pool === null || value.pool === pool);
  const nodes = options.wait
    ? await waitUntilUnused(tools, store, where, isOurs)
    : (await store.nodes.list()).filter(isOurs);
  report(tools, { provider, pool, where, nodes });
  return 0;
};

async function waitUntilUnused(
  tools: Tools,
  store: Store,
  where: string,
  isOurs: (entry: Entry<Node>) => boolean,
): Promise<Entry<Node>[]> {
  const progress = startProgress(tools.io);
  let wake = () => {};
  let changed = new Promise<void>((resolve) => (wake = resolve));
  const stopped = new Promise<never>((_, reject) => {
    tools.signal.addEventListener('abort', () => reject(tools.signal.reason as Error), { once: true });
  });
  stopped.catch(() => undefined);
  const view = await store.nodes.watch(() => {
    wake();
    changed = new Promise<void>((resolve) => (wake = resolve));
  });
  try {
    for (;;) {
      tools.signal.throwIfAborted();
      const next = changed;
      const ours = [...view.entries.values()].filter(isOurs);
      const busy = ours.filter((entry) => !isIdle(entry));
      if (busy.length === 0) return ours;
      progress.show(`${where}: waiting for ${countStates(busy)}`);
      await Promise.race([next, stopped]);
    }
  } catch (error) {
    progress.stop();
    progress.note(`${where} stays drained; nodes that are in use finish`);
    throw error;
  } finally {
    progress.stop();
    view.close();
  }
}

/** Nobody works with it: it is kept for people, or nobody has asked for it. */
function isIdle({ value }: Entry<Node>): boolean {
  return value.state === 'hold' || (value.state === 'ready' && value.allocatedTo === null);
}

function report(
  tools: Tools,
  {
    provider,
    pool,
    where,
    nodes,
  }: { provider: string; pool: string | null; where: string; nodes: Entry<Node>[] },
): void {
  const held = nodes.filter(({ value }) => value.state === 'hold');
  if (tools.format === 'json') {
    const states: Record<string, number> = {};
    for (const { value } of nodes) states[value.state] = (states[value.state] ?? 0) + 1;
    const heldIds = held.map(({ id }) => id);
    return printJson(tools, { provider, pool, draining: true, nodes: nodes.length, states, held: heldIds });
  }
  say(tools, nodes.length === 0 ? `${where} has no nodes` : `${where} has ${countStates(nodes)}`);
  const now = nowS(tools.clock);
  for (const { id, value } of held) {
    const comment = value.comment ? `: ${value.comment}` : '';
    say(
      tools,
      `  ${id} is held for ${formatSpan(now - value.stateTimeS)}${comment}; nodepool delete ${id} removes it`,
    );
  }
}

/** `'2 in-use, 1 hold'` */
function countStates(nodes: readonly Entry<Node>[]): string {
  const counts = new Map<string, number>();
  for (const { value } of nodes) counts.set(value.state, (counts.get(value.state) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
}
