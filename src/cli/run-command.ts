/** `run LABEL -- COMMAND`: the command on every node at once, with its output streamed. */
import { once } from 'node:events';
import type { SshTarget } from '../operator/connection.ts';
import { EXIT_NOT_RUN, Failure, Interrupted } from './failure.ts';
import { prefixedLines } from './prefixed-lines.ts';
import { connect, execute, type Streams } from './remote.ts';
import { joinCommand } from './remote-command.ts';
import type { Use } from './run.ts';
import { warn } from './print.ts';

/** How long a command may take to end after it got a signal; its node is thrown away, so there is little to save. */
const GRACE_MS = 2000;

/** Returns the largest exit code. */
export async function useNodes(use: Use): Promise<number> {
  // Logging in goes on while the records are written; the command starts when both are done.
  const started = use.lease.start();
  started.catch(() => undefined);
  const results = await Promise.allSettled(use.targets.map((target) => runOn(target, use, started)));
  for (const result of results) {
    if (result.status === 'rejected' && !(result.reason instanceof Failure)) throw result.reason;
  }
  use.tools.signal.throwIfAborted();
  use.signal.throwIfAborted();
  return Math.max(...use.codes.values());
}

async function runOn(target: SshTarget, use: Use, started: Promise<void>): Promise<void> {
  const { tools, identities, signal, codes } = use;
  const stop = new AbortController();
  const connecting = AbortSignal.any([signal, stop.signal, tools.signal]);
  try {
    const client = await connect(target, identities, connecting);
    const abandon = () => client.destroy();
    signal.addEventListener('abort', abandon, { once: true });
    const streams = streamsFor(use, target);
    try {
      await started;
      const code = await withSignals(use, client, (control) =>
        execute(client, joinCommand(use.command ?? []), streams, control),
      );
      codes.set(target.nodeId, code);
    } finally {
      signal.removeEventListener('abort', abandon);
      client.destroy();
      await finish(streams, tools.io.stdout, tools.io.stderr);
    }
  } catch (error) {
    codes.set(target.nodeId, EXIT_NOT_RUN);
    if (error instanceof Failure && !tools.signal.aborted && !signal.aborted) warn(tools, error.message);
    throw error;
  }
}

/** A signal for us is one for the command; if it does not end in time, the connection is cut. */
async function withSignals(
  { tools }: Use,
  client: { destroy(): void },
  call: (control: { onSignal(send: (name: string) => void): void }) => Promise<number>,
): Promise<number> {
  let onAbort: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    return await call({
      onSignal(send) {
        onAbort = () => {
          const { reason } = tools.signal as { reason: unknown };
          send(reason instanceof Interrupted ? reason.signal.replace('SIG', '') : 'TERM');
          timer = setTimeout(() => client.destroy(), GRACE_MS);
        };
        if (tools.signal.aborted) onAbort();
        else tools.signal.addEventListener('abort', onAbort, { once: true });
      },
    });
  } finally {
    clearTimeout(timer);
    if (onAbort) tools.signal.removeEventListener('abort', onAbort);
  }
}

/** One node has our input and output for itself; several share the output line by line and get no input. */
function streamsFor({ tools, targets }: Use, { nodeId }: SshTarget): Streams {
  const { stdin, stdout, stderr } = tools.io;
  if (targets.length === 1) return { stdin, stdout, stderr };
  const prefix = `[${nodeId}] `;
  return { stdin: undefined, stdout: prefixedLines(stdout, prefix), stderr: prefixedLines(stderr, prefix) };
}

/** Writes what is left of an unfinished last line. */
async function finish(streams: Streams, ...ours: unknown[]): Promise<void> {
  for (const stream of [streams.stdout, streams.stderr]) {
    if (ours.includes(stream)) continue;
    stream.end();
    if (!stream.writableFinished) await once(stream, 'finish');
  }
}
