/** What the runC driver leaves on a machine for all its containers together: directories, a mount, a log service. */
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { endProcess, identify, isRunning, processesWith } from './processes.ts';

export const BUNDLES = '/var/lib/nodepool/runc';
/** Where runC keeps one directory for each container; any `runc` command of root makes it. */
export const CONTAINERS = '/run/runc';
const HOST_ROOTFS = '/srv/host-rootfs';
const AGENTS = `${BUNDLES}/.agents`;
const CONSOLE = `${BUNDLES}/.console.py`;

/** Parents before what is in them. */
const DIRECTORIES = [
  '/var/lib/nodepool',
  BUNDLES,
  HOST_ROOTFS,
  CONTAINERS,
  ...controlGroups().flatMap((group) => [`${group}/nodepool`, `${group}/nodepool/agent`]),
];

/** What was there before, and so stays. */
export interface Traces {
  directories: string[];
  mounted: boolean;
  console: boolean;
}

export function findTraces(): Traces {
  return {
    directories: DIRECTORIES.filter((path) => existsSync(path)),
    mounted: isMounted(HOST_ROOTFS),
    console: processesWith(CONSOLE).length > 0,
  };
}

/** Do other launchers or containers of others work here? */
export function isDriverInUse(): boolean {
  const bundles = entriesOf(BUNDLES).filter((name) => !name.startsWith('.'));
  return bundles.length > 0 || entriesOf(AGENTS).some((name) => isAgentRunning(join(AGENTS, name)));
}

/** Removes what was not there before, where nothing of others is in it. The driver does it itself if it can. */
export async function removeTraces(before: Traces): Promise<void> {
  if (isDriverInUse()) return;
  if (!before.console) await Promise.all(processesWith(CONSOLE).map(({ pid }) => endByNumber(pid)));
  if (!before.mounted && isMounted(HOST_ROOTFS)) await execa('umount', [HOST_ROOTFS], { reject: false });
  if (!before.directories.includes(BUNDLES)) rmSync(BUNDLES, { recursive: true, force: true });
  const made = DIRECTORIES.filter((path) => !before.directories.includes(path) && !isMounted(path));
  for (const path of made.reverse()) {
    try {
      rmdirSync(path);
    } catch {
      // Not empty, so not ours alone; what is left is looked for afterwards.
    }
  }
}

/** Its file says the number and the start of a shell; a killed launcher leaves the file behind. */
function isAgentRunning(file: string): boolean {
  try {
    const [pid, start = ''] = readFileSync(file, 'utf8').trim().split(' ');
    return isRunning({ pid: Number(pid), start });
  } catch {
    return false;
  }
}

async function endByNumber(pid: number): Promise<void> {
  const found = identify(pid);
  if (found) await endProcess(found, 3000);
}

/** One line for each trace that was not there before. */
export function describeTraces(before: Traces): string[] {
  const now = findTraces();
  return [
    ...now.directories
      .filter((path) => !before.directories.includes(path))
      .map((path) => `directory ${path}`),
    ...(now.mounted && !before.mounted ? [`mount ${HOST_ROOTFS}`] : []),
    ...(now.console && !before.console ? ['log service of the containers (port 19885)'] : []),
  ];
}

export function mountsWith(text: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.map((line) => line.split(' ')[4] ?? '').filter((place) => place.includes(text));
}

function isMounted(path: string): boolean {
  return mountsWith(path).includes(path);
}

export function isListening(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) =>
    existsSync(path) ? readFileSync(path, 'utf8') : '',
  );
  return new RegExp(`:${hex} [0-9A-F]+:0000 0A `).test(sockets.join(''));
}

/** Roots of the control group hierarchies. */
export function controlGroups(): string[] {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, place = '', type] = line.split(' ');
    return type === 'cgroup' || type === 'cgroup2' ? [place] : [];
  });
}

export function entriesOf(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
