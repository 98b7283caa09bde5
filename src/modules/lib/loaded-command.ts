import { readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import type { Output } from './nodepool-command.ts';

/** What the program offers to others; see `src/bin/answer.ts`. */
interface Offer {
  answer?(words: readonly string[]): Promise<Output>;
}

/**
 * The code of an installed command, for this process: only where its program would be run by the Node.js that runs this, as
 * in the package. Undefined for everything else, such as a wrapper: that has to be started, and tells what is wrong with it.
 */
export function loadCommand(command: string): Offer['answer'] {
  try {
    const program = realpathSync(command);
    const isOurs = basename(program) === 'nodepool.cjs';
    if (!isOurs || !readFileSync(program, 'utf8').startsWith(`#!${process.execPath}\n`)) return undefined;
    return (createRequire(program)(program) as Offer).answer;
  } catch {
    return undefined;
  }
}
