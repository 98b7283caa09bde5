import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config, DiskImage } from '../config/config.ts';
import { reasonOf } from '../errors.ts';
import {
  bootImage,
  planBoot,
  programsToBoot,
  missingToBoot,
  typesToBoot,
  type BootPlan,
} from './boot-image.ts';
import { findNeeds } from './element-needs.ts';
import { Failure } from './failure.ts';
import { say, warn } from './print.ts';
import type { Options, Run, Tools } from './verb.ts';

/** Programs without which no build ends well, and what each is in on Debian. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'disk-image-create': 'python3-diskimage-builder',
  sudo: 'sudo',
  losetup: 'mount',
  'mkfs.ext4': 'e2fsprogs',
};
const DEFAULT_TYPE = 'qcow2';

interface Plan {
  elements: readonly string[];
  types: readonly string[];
  output: string;
  elementsPath: readonly string[];
  env: NodeJS.ProcessEnv;
  /** How the image is looked at when it is there. */
  boot: BootPlan | undefined;
}

/** Builds an image here and now, without a builder: the configured one of that name, or one of the given elements. */
export const run: Run = async (tools, { args, options }) => {
  const plan = await makePlan(tools, args, options);
  const missing = findMissing(plan);
  if (missing.length > 0) throw new Failure(`nothing is built:\n  ${missing.join('\n  ')}`);
  const command = ['disk-image-create', '-t', plan.types.join(','), '-o', plan.output, ...plan.elements];
  say(tools, `ELEMENTS_PATH=${plan.elementsPath.join(delimiter)} ${command.join(' ')}`);
  const code = await execute(tools, command, plan.env);
  if (code !== 0) return code;
  for (const type of plan.types) say(tools, `${plan.output}.${type} is ready`);
  return plan.boot ? await bootImage(tools, plan.boot, plan.output) : 0;
};

async function makePlan(tools: Tools, args: readonly string[], options: Options): Promise<Plan> {
  const config = await readConfig(tools);
  const [name = ''] = args;
  const image = args.length === 1 ? config?.diskimages.get(name) : undefined;
  const types = options.type?.split(',') ?? typesOf(image, options);
  const elementsPath = findElementDirs(tools, config, options);
  return {
    elements: image?.elements ?? args,
    types,
    output: resolve(options.output ?? (image ? name : 'image')),
    elementsPath,
    env: { ...tools.io.env, ...variablesOf(image), ELEMENTS_PATH: elementsPath.join(delimiter) },
    boot: options.boot && planBoot(options.boot, types),
  };
}

function typesOf(image: DiskImage | undefined, { boot }: Options): readonly string[] {
  const own = image?.formats ?? [];
  if (boot) return typesToBoot(boot, own);
  return own.length > 0 ? own : [DEFAULT_TYPE];
}

/** Elements are built without any configuration; one that has mistakes is told. */
async function readConfig(tools: Tools): Promise<Config | undefined> {
  try {
    return await tools.loadConfig();
  } catch (error) {
    if (existsSync(tools.configFile))
      warn(tools, `${tools.configFile} is left out: ${reasonOf(error) || 'it has mistakes'}`);
    return undefined;
  }
}

function variablesOf(image: DiskImage | undefined): Record<string, string> {
  return image === undefined
    ? {}
    : { DIB_RELEASE: image.release, DIB_IMAGE_NAME: image.name, ...image.envVars };
}

/** A config repository's first, then those of ELEMENTS_PATH, of the configuration, and our own; those that exist. */
function findElementDirs({ io }: Tools, config: Config | undefined, { configRepo }: Options): string[] {
  const repository =
    configRepo === undefined ? [] : ['nodepool/elements', 'elements'].map((path) => join(configRepo, path));
  if (configRepo !== undefined && !repository.some((path) => existsSync(path)))
    throw new Failure(`${configRepo} has no elements: neither nodepool/elements nor elements is a directory`);
  const configured = [io.env['ELEMENTS_PATH'], config?.elementsDir].flatMap((path) => path?.split(':') ?? []);
  const all = [
    ...repository,
    ...configured,
    '/etc/nodepool/elements',
    '/usr/share/sf-elements',
    ...ownElements(),
  ];
  return [...new Set(all.filter((path) => path !== '').map((path) => resolve(path)))].filter(isDirectory);
}

/** `elements/` of the source tree, from `src/cli/` or from `dist/`. */
function ownElements(): string[] {
  return ['../elements', '../../elements'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Everything at once, so that nobody has to try again and again. */
function findMissing({ elements, elementsPath, types, env, boot }: Plan): string[] {
  const programs = {
    ...PROGRAMS,
    ...(types.includes('qcow2') ? { 'qemu-img': 'qemu-utils' } : {}),
    ...(boot && programsToBoot(boot)),
  };
  const path = [...(env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const absent = Object.entries(programs)
    .filter(([program]) => !path.some((dir) => existsSync(join(dir, program))))
    .map(([program, debian]) => `${program} is not installed (Debian: ${debian})`);
  const files = findNeeds(elements, elementsPath, env)
    .filter(({ path }) => !existsSync(path))
    .map(
      ({ path, element, remark }) =>
        `${path} does not exist; ${element} needs it${remark ? `: ${remark}` : ''}`,
    );
  return [...absent, ...files, ...(boot ? missingToBoot(boot) : [])];
}

/** Its output is ours. Interrupted, it unmounts what it has mounted, and we wait for that. */
async function execute(tools: Tools, command: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env });
  const closed = once(child, 'close') as Promise<[number | null]>;
  child.stdout.on('data', (part: Buffer) => void tools.io.stderr.write(part));
  child.stderr.on('data', (part: Buffer) => void tools.io.stderr.write(part));
  const stop = () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
  };
  tools.signal.addEventListener('abort', stop, { once: true });
  try {
    const [code] = await closed;
    tools.signal.throwIfAborted();
    return code ?? 1;
  } finally {
    tools.signal.removeEventListener('abort', stop);
  }
}
