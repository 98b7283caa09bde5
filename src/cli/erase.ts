import { createInterface } from 'node:readline/promises';
import type { Drain } from '../model/drain.ts';
import type { Node } from '../model/node.ts';
import type { Entry, Store } from '../store/store.ts';
import { EXIT_FAILED, Failure } from './failure.ts';
import { poolsOfLaunchers } from './known-pools.ts';
import { printJson, say, warn } from './print.ts';
import type { Run, Tools } from './verb.ts';

interface Records {
  nodes: Entry<Node>[];
  drains: Entry<Drain>[];
}

/** Removes the stored records of a provider, or of one of its pools. Touches nothing in the provider itself. */
export const run: Run = async (tools, { args, options }) => {
  const [provider = '', pool = null] = args;
  const isMeant = (found: { provider: string | null; pool: string | null }) =>
    found.provider === provider && (pool === null || found.pool === pool);
  const where = pool === null ? `provider ${provider}` : `pool ${provider}/${pool}`;
  const store = await tools.openStore();
  const { nodes, drains } = await findRecords(store, isMeant);
  if (nodes.length === 0 && drains.length === 0) throw new Failure(`nothing is stored for the ${where}`);

  if ((await poolsOfLaunchers(store)).some(isMeant)) warn(tools, sayServed(pool ?? provider, nodes));
  if (!options.force && !(await confirm(tools, where))) {
    warn(tools, 'Aborting. No data erased.');
    return EXIT_FAILED;
  }
  say(tools, `Erasing node data for ${pool === null ? provider : `${provider}/${pool}`}...`);
  await Promise.all([
    ...nodes.map(({ id }) => store.nodes.remove(id)),
    ...drains.map(({ id }) => store.drains.remove(id)),
  ]);
  if (tools.format === 'json') {
    const drained = drains.map(({ value }) => value.pool);
    printJson(tools, {
      provider,
      ...(pool !== null && { pool }),
      nodes: nodes.map(({ id }) => id),
      drains: drained,
    });
  }
  return 0;
};

async function findRecords(
  store: Store,
  isMeant: (found: { provider: string | null; pool: string | null }) => boolean,
): Promise<Records> {
  const [nodes, drains] = await Promise.all([store.nodes.list(), store.drains.list()]);
  return {
    nodes: nodes.filter(({ value }) => isMeant(value)),
    drains: drains.filter(({ value }) => isMeant(value)),
  };
}

function sayServed(name: string, nodes: readonly Entry<Node>[]): string {
  const used = nodes.filter(({ value }) => value.state === 'in-use').length;
  return (
    `a running launcher serves ${name}: it removes the instances that lose their records` +
    (used > 0 ? `, ${used} of them in use by jobs` : '')
  );
}

/** Asks on stderr, so that JSON output stays clean; anything but y means no, the end of the input too. */
async function confirm(tools: Tools, where: string): Promise<boolean> {
  const { stdin, stderr } = tools.io;
  stderr.write('\nWARNING! This action is not reversible!\n');
  const prompt = createInterface({ input: stdin, output: stderr, terminal: false });
  const ended = new Promise<string>((resolve) => prompt.once('close', () => resolve('\n')));
  const asked = prompt.question(`Erase stored data for ${where}? [N/y] `, {
    signal: tools.signal,
  });
  try {
    const answer = await Promise.race([asked, ended]);
    if (answer === '\n') stderr.write(answer);
    return answer.trim().toLowerCase() === 'y';
  } catch (error) {
    tools.signal.throwIfAborted();
    throw error;
  } finally {
    prompt.close();
  }
}
