/** What lies on this host of the runC driver's containers and ports, read without changing anything. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mark } from '../../runc/mark.ts';

export interface BundleFacts {
  id: string;
  bundle: string;
  running: boolean;
  port?: number;
  /** Of the first process, while the container runs. */
  pid?: number;
  provider?: string;
  pool?: string;
  node?: string;
  request?: string;
  label?: string;
  /** Of config.json. */
  annotations: Record<string, string>;
}

/** By id. Empty where no container was ever made. */
export async function readBundles(base: string): Promise<BundleFacts[]> {
  const names = (await namesIn(base)).filter((name) => !name.startsWith('.'));
  const found = await Promise.all(names.map((id) => readBundle(base, id)));
  return found.flatMap((bundle) => bundle ?? []);
}

/** Undefined where there is no such bundle. */
export async function readBundle(base: string, id: string): Promise<BundleFacts | undefined> {
  const bundle = join(base, id);
  const text = (name: string) => readFile(join(bundle, name), 'utf8').catch(() => '');
  const entries = await namesIn(bundle);
  if (entries.length === 0) return undefined;
  const [mark, port, init, config] = await Promise.all([
    text('nodepool.json').then(parse<Partial<Mark>>),
    text('port'),
    text('init'),
    text('config.json').then(parse<{ annotations?: Record<string, string> }>),
  ]);
  const pid = await runningPid(init);
  return {
    id,
    bundle,
    running: pid !== undefined,
    ...(port.trim() === '' ? {} : { port: Number(port) }),
    ...(pid === undefined ? {} : { pid }),
    ...(mark === undefined
      ? {}
      : {
          provider: mark.provider,
          pool: mark.pool,
          node: mark.nodeId,
          request: mark.requestId,
          label: mark.label,
        }),
    annotations: config?.annotations ?? {},
  };
}

export interface PortFacts {
  port: number;
  /** Of a container, or the name of a reservation. */
  owner: string;
  kind: 'container' | 'reservation';
}

/** Every port that is taken in `.ports`, in order. */
export async function readPorts(base: string): Promise<PortFacts[]> {
  const directory = join(base, '.ports');
  const links = await Promise.all(
    (await namesIn(directory)).map(async (name) => ({
      port: Number(name),
      target: await readlink(join(directory, name)).catch(() => ''),
    })),
  );
  return links
    .filter(({ port, target }) => Number.isInteger(port) && target.startsWith('../'))
    .sort((a, b) => a.port - b.port)
    .map(({ port, target }) => {
      const [, first = '', reserved] = target.split('/');
      return first === '.reserved'
        ? { port, owner: reserved ?? '', kind: 'reservation' as const }
        : { port, owner: first, kind: 'container' as const };
    });
}

/** `init` holds a pid and when that process was started (proc(5), field 22): together they name it for good. */
async function runningPid(init: string): Promise<number | undefined> {
  const [pid = '', started] = init.trim().split(' ');
  if (!/^\d+$/.test(pid)) return undefined;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ended = fields[0] === 'Z' || fields[0] === 'X';
  return fields[19] === started && !ended ? Number(pid) : undefined;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

function parse<T>(json: string): T | undefined {
  try {
    return JSON.parse(json) as T;
  } catch {
    return undefined; // a bundle that is being made, or was left half-made
  }
}
