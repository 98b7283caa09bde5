/** Reserves a port on a hypervisor where containers get theirs, so that no container takes it. */
import { ModuleError, runModule, type Result, type Task } from './lib/run-module.ts';
import { withBareAgent } from './lib/local-agent.ts';
import { readPorts } from './lib/read-bundles.ts';

interface Values {
  name: string;
  state: 'present' | 'absent';
  first_port: number;
  last_port: number;
  base_dir: string;
}

void runModule<Values>({ options: MODULE_OPTIONS, run });

async function run({ values, check }: Task<Values>): Promise<Result> {
  const { name, state, base_dir: base } = values;
  if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(name)) {
    throw new ModuleError(
      `name: expected at most 64 letters, digits, dots, hyphens and underscores, found ${JSON.stringify(name)}`,
    );
  }
  const before = (await readPorts(base)).find(({ kind, owner }) => kind === 'reservation' && owner === name);
  const diff = (port: number | undefined) => ({
    before: describe(name, before?.port),
    after: describe(name, port),
  });
  if (state === 'absent') {
    if (before === undefined) return { changed: false };
    if (!check) await withBareAgent(base, (run) => run('free_port', { name }));
    return { changed: true, diff: diff(undefined) };
  }
  if (before !== undefined && isInRange(before.port, values)) return { changed: false, port: before.port };
  // Which port it would be, only the reservation itself can tell.
  if (check) return { changed: true };
  const port = await allocate(values, before !== undefined);
  return { changed: true, port, diff: diff(port) };
}

async function allocate(values: Values, replaces: boolean): Promise<number> {
  const { name, first_port: first, last_port: last, base_dir: base } = values;
  const text = await withBareAgent(base, async (run) => {
    if (replaces) await run('free_port', { name });
    const range = { port_first: first, port_min: first, port_max: last };
    return await run('allocate_port', { name, mark: JSON.stringify({ name }), ...range });
  });
  return Number(text);
}

function isInRange(port: number, { first_port: first, last_port: last }: Values): boolean {
  return port >= first && port <= last;
}

function describe(name: string, port: number | undefined): string {
  return port === undefined ? '' : `${name}: ${port}\n`;
}
