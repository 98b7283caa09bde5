/** Tells nodes, requests and images of a running Nodepool. */
import { askNodepool } from './lib/nodepool-command.ts';
import { runModule, type Result, type Task } from './lib/run-module.ts';

interface Values {
  gather: string[];
  config: string;
  command: string;
}

void runModule<Values>({ options: MODULE_OPTIONS, run });

async function run({ values }: Task<Values>): Promise<Result> {
  const { gather, command, config } = values;
  // Without names the command tells everything.
  if (gather.length === 0) return { changed: false };
  const lists = await askNodepool<Record<string, unknown>>({ command, config }, ['overview', ...gather]);
  return { changed: false, ...lists };
}
