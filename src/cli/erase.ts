import { createInterface } from 'node:readline/promises';
import { EXIT_FAILED, Failure } from './failure.ts';
import { printJson, say, warn } from './print.ts';
import type { Run, Tools } from './verb.ts';

/** Removes the stored records of a provider. Touches nothing in the provider itself. */
export const run: Run = async (tools, { args, options }) => {
  const [provider = ''] = args;
  const store = await tools.openStore();
  const nodes = (await store.nodes.list()).filter(({ value }) => value.provider === provider);
  if (nodes.length === 0) throw new Failure(`nothing is stored for the provider ${provider}`);

  if (!options.force && !(await confirm(tools, provider))) {
    warn(tools, 'Aborting. No data erased.');
    return EXIT_FAILED;
  }
  say(tools, `Erasing node data for ${provider}...`);
  await Promise.all(nodes.map(({ id }) => store.nodes.remove(id)));
  if (tools.format === 'json') printJson(tools, { provider, nodes: nodes.map(({ id }) => id) });
  return 0;
};

/** Asks on stderr, so that JSON output stays clean; anything but y means no, the end of the input too. */
async function confirm(tools: Tools, provider: string): Promise<boolean> {
  const { stdin, stderr } = tools.io;
  stderr.write('\nWARNING! This action is not reversible!\n');
  const prompt = createInterface({ input: stdin, output: stderr, terminal: false });
  const ended = new Promise<string>((resolve) => prompt.once('close', () => resolve('\n')));
  const asked = prompt.question(`Erase stored data for provider ${provider}? [N/y] `, {
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
