/** The records as they are now: read once, then kept current by the stream of changes. */
import { signal } from '@preact/signals';
import type { Records } from './records.ts';

type Name = keyof Records;
interface Change {
  collection: Name;
  id: string;
  value: { id: string; version?: number } | null;
}

const NAMES: readonly Name[] = ['nodes', 'requests', 'pools', 'images'];

export const records: Records = {
  nodes: new Map(),
  requests: new Map(),
  pools: new Map(),
  images: new Map(),
};
/** Grows when something in `records` is different; at most once a frame. */
export const generation = signal(0);
export const connection = signal<'connecting' | 'live' | 'lost'>('connecting');
/** Unix seconds; for ages. */
export const now = signal(Date.now() / 1000);

let frame = 0;
/** Changes that came while the lists were being read. */
let early: Change[] | undefined;

export function start(): void {
  const source = new EventSource('/api/v1/events');
  let loaded = false;
  source.addEventListener('hello', () => {
    connection.value = 'live';
    if (!loaded) void load();
    loaded = true;
  });
  source.addEventListener('reset', () => {
    connection.value = 'live';
    loaded = true;
    void load();
  });
  source.addEventListener('changes', ({ data }: MessageEvent<string>) => {
    const changes = JSON.parse(data) as Change[];
    if (early) early.push(...changes);
    else apply(changes);
  });
  source.addEventListener('error', () => (connection.value = 'lost'));
  setInterval(() => (now.value = Date.now() / 1000), 1000);
}

async function load(): Promise<void> {
  if (early) return;
  early = [];
  try {
    const lists = await Promise.all(NAMES.map(readList));
    NAMES.forEach((name, place) => replace(name, lists[place] ?? []));
    apply(early);
  } catch {
    setTimeout(() => void load(), 2000);
  } finally {
    early = undefined;
    changed();
  }
}

async function readList(name: Name): Promise<{ id: string }[]> {
  const rows: { id: string }[] = [];
  let next: string | null = null;
  do {
    const response: Response = await fetch(
      `/api/v1/${name}${next ? `?after=${encodeURIComponent(next)}` : ''}`,
    );
    if (!response.ok) throw new Error(`${name}: ${response.status}`);
    const page = (await response.json()) as Record<Name, { id: string }[]> & { next: string | null };
    rows.push(...page[name]);
    next = page.next;
  } while (next !== null);
  return rows;
}

function replace(name: Name, rows: readonly { id: string }[]): void {
  const map = records[name] as Map<string, { id: string }>;
  map.clear();
  for (const row of rows) map.set(row.id, row);
}

function apply(changes: readonly Change[]): void {
  for (const { collection, id, value } of changes) {
    const map = records[collection] as Map<string, { id: string; version?: number }> | undefined;
    if (!map) continue;
    if (value === null) map.delete(id);
    else if ((map.get(id)?.version ?? 0) <= (value.version ?? 0)) map.set(id, value);
  }
  changed();
}

function changed(): void {
  // Frames do not come in a tab that nobody sees; that is welcome.
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    generation.value += 1;
  });
}
