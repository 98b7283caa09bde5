/** Sees to it that a diskimage is built, or that its builds go; pauses it. */
import { askNodepool, runNodepool, type CommandOptions } from './lib/nodepool-command.ts';
import { ModuleError, runModule, type Result, type Task } from './lib/run-module.ts';

interface Values {
  name: string;
  state: 'built' | 'absent';
  rebuild: boolean;
  paused?: boolean;
  wait: boolean;
  timeout: number;
  config: string;
  command: string;
}

/** As `dib-image-list` tells it; the builds of a paused image are all `paused` there. */
interface Build {
  id: string;
  image: string;
  state: string;
  formats: string;
}

interface Status {
  image: string;
  paused: boolean;
  /** Empty or null: none. */
  build_request: string | null;
}

void runModule<Values>({ options: MODULE_OPTIONS, run });

async function run({ values, check }: Task<Values>): Promise<Result> {
  const options: CommandOptions = { command: values.command, config: values.config };
  const [status, before] = await Promise.all([
    findStatus(options, values.name),
    listBuilds(options, values.name),
  ]);
  if (status === undefined && values.state === 'built')
    throw new ModuleError(`there is no diskimage ${values.name}`);
  const steps = planSteps(values, status, before);
  if (!check) for (const step of steps) await act(options, step, values.timeout);
  const after = check || steps.length === 0 ? before : await listBuilds(options, values.name);
  return {
    changed: steps.length > 0,
    builds: after,
    commands: steps.map((step) => ['nodepool', ...step].join(' ')),
  };
}

/** The commands that lead there, in their order: a pause would keep an image from being built. */
function planSteps(values: Values, status: Status | undefined, builds: readonly Build[]): string[][] {
  const { name, state, rebuild, paused, wait } = values;
  const isPaused = status?.paused === true;
  const steps: string[][] = [];
  if (paused === false && isPaused) steps.push(['image-unpause', name]);
  if (paused === true && !isPaused && state === 'absent') steps.push(['image-pause', name]);
  const usable = builds.some((build) => ['ready', 'paused'].includes(build.state));
  const asked = Boolean(status?.build_request);
  if (state === 'built' && (rebuild || !usable) && (wait || !asked))
    steps.push(['image-build', name, ...(wait ? ['--wait'] : [])]);
  const gone = builds.filter((build) => build.state !== 'deleting').map(({ id }) => id);
  if (state === 'absent' && gone.length > 0) steps.push(['dib-image-delete', ...gone]);
  if (paused === true && !isPaused && state === 'built') steps.push(['image-pause', name]);
  return steps;
}

async function findStatus(options: CommandOptions, name: string): Promise<Status | undefined> {
  return (await askNodepool<Status[]>(options, ['image-status'])).find(({ image }) => image === name);
}

async function listBuilds(options: CommandOptions, name: string): Promise<Build[]> {
  return (await askNodepool<Build[]>(options, ['dib-image-list'])).filter(({ image }) => image === name);
}

async function act(options: CommandOptions, args: string[], timeoutS: number): Promise<void> {
  const { exitCode, stderr } = await runNodepool({ ...options, timeoutMs: timeoutS * 1000 }, args);
  if (exitCode === 0) return;
  // Before the last line there is the log of the build.
  const said = stderr.trim().split('\n').at(-1) ?? '';
  throw new ModuleError(
    said.replace(/^nodepool: /, '') || `nodepool ${args.join(' ')} ended with ${exitCode}`,
  );
}
