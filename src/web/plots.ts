/**
 * What was going on over the last hour, day and week, kept by the launcher beside its state: three rings of points, so
 * that it never grows.
 */
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { nowS, type Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Node } from '../model/node.ts';
import type { Views } from '../operator/views.ts';
import type { Change } from '../store/store.ts';

/** Time, nodes, in use, waiting, failures, mean seconds to make a node. */
export type Point = [
  timeS: number,
  nodes: number,
  inUse: number,
  waiting: number,
  failures: number,
  readyS: number | null,
];

export const RANGES = { hour: 15, day: 300, week: 1_800 } as const;
export type Range = keyof typeof RANGES;
const LENGTH_S: Readonly<Record<Range, number>> = { hour: 3_600, day: 86_400, week: 604_800 };
const SAVE_EVERY = 20; // ticks: five minutes

export interface Plots {
  points(range: Range): readonly Point[];
  close(): Promise<void>;
}

interface Sums {
  failures: number;
  made: number;
  readyS: number;
}

export async function openPlots(
  views: Views,
  { file, clock, log }: { file: string | undefined; clock: Clock; log: Logger },
): Promise<Plots> {
  const rings: Record<Range, Point[]> = file === undefined ? noPoints() : await load(file, nowS(clock), log);
  const sums: Record<Range, Sums> = { hour: noSums(), day: noSums(), week: noSums() };
  let ticks = 0;
  let saving: Promise<void> = Promise.resolve();

  const endWatch = views.onChange(({ collection, change }) => {
    if (collection === 'nodes') count(change as Change<Node>);
  });
  const count = ({ entry, previous }: Change<Node>) => {
    const [before, now] = [previous?.value.state, entry?.value.state];
    if (!entry || before === now || before === undefined) return;
    for (const sum of Object.values(sums)) {
      if (now === 'failed' || now === 'aborted') sum.failures += 1;
      if (now !== 'ready' || (before !== 'building' && before !== 'init')) continue;
      sum.made += 1;
      sum.readyS += entry.value.stateTimeS - (entry.value.createdTimeS ?? entry.value.stateTimeS);
    }
  };
  const tick = () => {
    const now = nowS(clock);
    for (const range of Object.keys(RANGES) as Range[]) {
      const ring = rings[range];
      if (now - (ring.at(-1)?.[0] ?? 0) < RANGES[range] - 1) continue;
      ring.push(pointOf(views, now, sums[range]));
      sums[range] = noSums();
      dropOld(ring, range, now);
    }
    ticks += 1;
    if (ticks % SAVE_EVERY === 0) save();
  };
  const save = () => {
    if (file === undefined) return;
    saving = saving
      .then(() => store(file, rings))
      .catch((error: unknown) => {
        log.warning('the plots cannot be saved', { file, error: reasonOf(error) });
      });
  };
  const timer = setInterval(tick, RANGES.hour * 1000).unref();
  tick();
  return {
    points: (range) => rings[range],
    async close() {
      clearInterval(timer);
      endWatch();
      save();
      await saving;
    },
  };
}

function pointOf(views: Views, timeS: number, { failures, made, readyS }: Sums): Point {
  let inUse = 0;
  for (const { value } of views.nodes.values()) if (value.state === 'in-use') inUse += 1;
  let waiting = 0;
  for (const { value } of views.requests.values())
    if (value.state === 'requested' || value.state === 'pending') waiting += 1;
  const mean = made === 0 ? null : Math.round((100 * readyS) / made) / 100;
  return [Math.round(timeS), views.nodes.size, inUse, waiting, failures, mean];
}

function dropOld(ring: Point[], range: Range, now: number): void {
  const most = LENGTH_S[range] / RANGES[range];
  const fresh = ring.findIndex(([timeS]) => timeS > now - LENGTH_S[range]);
  ring.splice(0, Math.max(fresh, ring.length - most, 0));
}

/** A file that is missing or damaged costs the past only. */
async function load(file: string, now: number, log: Logger): Promise<Record<Range, Point[]>> {
  const rings = noPoints();
  try {
    const stored = JSON.parse(await readFile(file, 'utf8')) as Partial<Record<Range, unknown>>;
    for (const range of Object.keys(RANGES) as Range[]) {
      const points = Array.isArray(stored[range]) ? (stored[range] as unknown[]) : [];
      rings[range] = points.filter(isPoint);
      dropOld(rings[range], range, now);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warning('the plots of the past cannot be read', { file, error: reasonOf(error) });
  }
  return rings;
}

function isPoint(value: unknown): value is Point {
  return (
    Array.isArray(value) &&
    value.length === 6 &&
    value.every((part, place) => typeof part === 'number' || (place === 5 && part === null))
  );
}

async function store(file: string, rings: Record<Range, Point[]>): Promise<void> {
  const fresh = `${file}.new`;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(fresh, JSON.stringify(rings), { mode: 0o640 });
  await chmod(fresh, 0o640);
  await rename(fresh, file);
}

const noPoints = (): Record<Range, Point[]> => ({ hour: [], day: [], week: [] });
const noSums = (): Sums => ({ failures: 0, made: 0, readyS: 0 });
