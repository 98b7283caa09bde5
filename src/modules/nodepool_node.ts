/** Puts a node on hold, or has it deleted. */
import { askNodepool, runNodepool, type CommandOptions } from './lib/nodepool-command.ts';
import { ModuleError, runModule, type Result, type Task } from './lib/run-module.ts';

interface Values {
  id: string;
  state: 'held' | 'absent';
  reason?: string;
  hold_for?: string;
  config: string;
  command: string;
}

interface Node {
  id: string;
  state: string;
  comment?: string | null;
}

void runModule<Values>({ options: MODULE_OPTIONS, run });

async function run({ values, check }: Task<Values>): Promise<Result> {
  const { id, state, reason, hold_for: duration } = values;
  if (!/^\d{1,10}$/.test(id))
    throw new ModuleError(`id: expected the number of a node, found ${JSON.stringify(id)}`);
  const options: CommandOptions = { command: values.command, config: values.config };
  const node = await findNode(options, id);
  const result = {
    changed: true,
    node: node ?? null,
    diff: { before: describe(node?.state), after: describe(wordOf(state)) },
  };
  if (state === 'absent') {
    // One that is being deleted needs nobody's help.
    if (node === undefined || node.state === 'deleting') return { ...result, changed: false };
    if (!check) await act(options, ['delete', id]);
    return { ...result, node: check ? node : ((await findNode(options, id)) ?? null) };
  }
  if (node === undefined) throw new ModuleError(`there is no node ${id}`);
  if (node.state === 'hold' && (reason === undefined || node.comment === reason))
    return { ...result, changed: false };
  if (check) return result;
  await act(options, [
    'hold',
    id,
    ...(reason === undefined ? [] : ['--reason', reason]),
    ...(duration === undefined ? [] : ['--for', duration]),
  ]);
  return { ...result, node: (await findNode(options, id)) ?? null };
}

async function findNode(options: CommandOptions, id: string): Promise<Node | undefined> {
  const nodes = await askNodepool<Node[]>(options, ['list', '--detail']);
  return nodes.find((node) => Number(node.id) === Number(id));
}

async function act(options: CommandOptions, args: string[]): Promise<void> {
  const { exitCode, stderr } = await runNodepool(options, args);
  if (exitCode !== 0) throw new ModuleError(stderr.trim().replace(/^nodepool: /, ''));
}

/** The state of a node record. */
function wordOf(state: Values['state']): string | undefined {
  return state === 'held' ? 'hold' : undefined;
}

function describe(state: string | undefined): string {
  return state === undefined ? '' : `state: ${state}\n`;
}
