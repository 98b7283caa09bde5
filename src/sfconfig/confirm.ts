import { createInterface } from 'node:readline/promises';
import type { Context } from './run.ts';

/** Asks for the name of the installation before everything is removed. */
export async function confirmErase({ options, settings, io, signal }: Context): Promise<boolean> {
  if (options.yes) return true;
  if (!io.stdin.isTTY) {
    io.stderr.write('sfconfig: --erase asks for a confirmation, and there is no terminal; use --yes\n');
    return false;
  }
  const terminal = createInterface({ input: io.stdin, output: io.stdout });
  try {
    const answer = await terminal.question(
      `This removes Nodepool and its data from all hosts. Type ${settings.fqdn} to go on: `,
      { signal },
    );
    if (answer.trim() === settings.fqdn) return true;
    io.stderr.write('sfconfig: Incorrect hostname: nothing is removed\n');
    return false;
  } finally {
    terminal.close();
  }
}
