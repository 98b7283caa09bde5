/** Makes, starts, stops and removes one container, with the code of the runC driver. */
import { createHash } from 'node:crypto';
import { DEFAULT_PATHS, type RootfsFacts } from '../runc/bundle.ts';
import { createVariables } from '../runc/create-variables.ts';
import { makeHostKey } from '../runc/host-key.ts';
import { readLabelOptions, type LabelOptions } from '../runc/options.ts';
import { probeLabel } from '../runc/probe.ts';
import { withLocalAgent, type LocalAgent } from './lib/local-agent.ts';
import { readBundle, type BundleFacts } from './lib/read-bundles.ts';
import { ModuleError, runModule, type Result, type Task } from './lib/run-module.ts';

interface Values {
  name: string;
  state: 'started' | 'stopped' | 'absent';
  username: string;
  home_dir?: string;
  path: string;
  rw_overlay: boolean;
  rw_overlay_size?: string;
  sudo?: boolean;
  memory?: string;
  cpus?: number;
  pids: number;
  hidden_paths: string[];
  first_port: number;
  last_port: number;
  base_dir: string;
}

/** No launcher has a provider of this name, so none takes these containers for its own. */
const PROVIDER = '(ansible)';
const OWNER = `"provider":${JSON.stringify(PROVIDER)}`;
/** Annotation of config.json: which options the bundle was made with. */
const OPTIONS = 'org.nodepool.options';

void runModule<Values>({ options: MODULE_OPTIONS, run });

async function run({ values, check }: Task<Values>): Promise<Result> {
  const { name, state, base_dir: base } = values;
  if (!/^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/.test(name)) {
    throw new ModuleError(
      `name: expected at most 64 letters, digits, dots and hyphens, found ${JSON.stringify(name)}`,
    );
  }
  const before = await readBundle(base, name);
  if (before?.provider !== undefined && before.provider !== PROVIDER) {
    throw new ModuleError(
      `container ${name} was made by provider ${before.provider}; leave it to its launcher`,
    );
  }
  const steps = planSteps(state, before, digestOf(values));
  if (steps.length === 0) return { changed: false, container: before ?? null };
  if (!check) await withLocalAgent(base, (agent) => takeSteps(agent, steps, values));
  const after = check ? undefined : await readBundle(base, name);
  return {
    changed: true,
    container: (check ? before : after) ?? null,
    diff: { before: describe(stateOf(before)), after: describe(state) },
  };
}

type Step = 'remove' | 'create' | 'start' | 'stop';

/** From what is there to what is wanted. Options that differ need another container. */
function planSteps(state: Values['state'], before: BundleFacts | undefined, digest: string): Step[] {
  if (state === 'absent') return before === undefined ? [] : ['remove'];
  if (before === undefined) return state === 'started' ? ['create'] : ['create', 'stop'];
  if (before.annotations[OPTIONS] !== digest) {
    return state === 'started' ? ['remove', 'create'] : ['remove', 'create', 'stop'];
  }
  if (state === 'started') return before.running ? [] : ['start'];
  return before.running ? ['stop'] : [];
}

async function takeSteps(agent: LocalAgent, steps: readonly Step[], values: Values): Promise<void> {
  const { name: id } = values;
  for (const step of steps) {
    if (step === 'remove') await agent.run('destroy', { id, mark: OWNER });
    else if (step === 'stop') await agent.run('halt', { id, mark: OWNER });
    else
      await agent.run(step === 'create' ? 'create' : 'start_again', await variablesOf(agent, values, step));
  }
}

async function variablesOf({ agent, facts }: LocalAgent, values: Values, step: Step) {
  const label = labelOf(values);
  const link = { agent, rootfs: new Map<string, RootfsFacts>(), problems: new Map<string, string>() };
  await probeLabel(link, label);
  const rootfs = link.rootfs.get(label.name);
  if (rootfs === undefined)
    throw new ModuleError(link.problems.get(label.name) ?? 'the container cannot be made');
  const mark = { provider: PROVIDER, pool: '', nodeId: values.name, requestId: '', label: '' };
  const variables = createVariables({
    id: values.name,
    label,
    hostKey: makeHostKey(),
    mark: JSON.stringify(mark),
    annotations: { [OPTIONS]: digestOf(values) },
    paths: { ...DEFAULT_PATHS, base: values.base_dir },
    rootfs,
    consoleDir: '/tmp',
    keepFailedSeconds: 0,
    ports: { first: values.first_port, last: values.last_port },
    firstPort: values.first_port,
    ...facts,
  });
  return step === 'create' ? variables : { ...variables, mark: OWNER };
}

/** The options of a label in nodepool.yaml, so that defaults and meaning are the same. */
function labelOf(values: Values): LabelOptions {
  const options = {
    path: values.path,
    username: values.username,
    'home-dir': values.home_dir,
    'rw-overlay': values.rw_overlay,
    'rw-overlay-size': values.rw_overlay_size,
    sudo: values.sudo,
    memory: values.memory,
    cpus: values.cpus,
    pids: values.pids,
    'hidden-paths': values.hidden_paths,
  };
  return readLabelOptions({ options: {} }, { name: values.name, options });
}

function digestOf(values: Values): string {
  const { state: _state, base_dir: _base, ...options } = values;
  const { name, ...label } = labelOf(values);
  const told = { name, ...label, ports: [options.first_port, options.last_port] };
  return createHash('sha256').update(JSON.stringify(told)).digest('hex').slice(0, 16);
}

function stateOf(bundle: BundleFacts | undefined): string {
  if (bundle === undefined) return 'absent';
  return bundle.running ? 'started' : 'stopped';
}

function describe(state: string): string {
  return `state: ${state}\n`;
}
