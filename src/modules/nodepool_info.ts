/** Tells nodes, requests and images of a running Nodepool. */
import { askNodepool, type CommandOptions } from './lib/nodepool-command.ts';
import { runModule, type Result, type Task } from './lib/run-module.ts';

interface Values {
  gather: Subject[];
  config: string;
  command: string;
}

type Subject = keyof typeof VERBS;

const VERBS = {
  nodes: ['list', '--detail'],
  requests: ['request-list'],
  builds: ['dib-image-list'],
  images: ['image-list'],
} as const;

await runModule<Values>({ options: MODULE_OPTIONS, run });

async function run({ values }: Task<Values>): Promise<Result> {
  const options: CommandOptions = { command: values.command, config: values.config };
  const answers = await Promise.all(
    values.gather.map(async (subject) => [subject, await askNodepool(options, [...VERBS[subject]])] as const),
  );
  return { changed: false, ...Object.fromEntries(answers) };
}
