/** `run LABEL` on a terminal: a shell on the node. */
import { runSsh } from './shell.ts';
import type { Use } from './run.ts';

export async function useNodes({ tools, lease, targets, identities, codes, signal }: Use): Promise<number> {
  await lease.start();
  const [target] = targets;
  if (!target) throw new TypeError('a shell needs a node');
  const code = await runSsh(tools, target, identities, { signal: AbortSignal.any([signal, tools.signal]) });
  codes.set(target.nodeId, code);
  tools.signal.throwIfAborted();
  return code;
}
