/**
 * Long lists as bytes, made once for each record. An entry never changes, so its bytes are good as long as it is the one
 * that the view has. Neighbours share a block: a list of ten thousand is a hundred buffers that go out as they are, without
 * one long string that the garbage collector and the socket would have to copy.
 */
import type { Clock } from '../clock.ts';
import type { Entry } from '../store/store.ts';

/** How a record becomes text. */
export interface RecordForm<T> {
  /** One JSON object; where there is an `age`, up to its place. */
  before(entry: Entry<T>): string;
  /** Text in ASCII that is another one every second, and what comes after it. */
  age?: { text(entry: Entry<T>, nowS: number): string; after(entry: Entry<T>): string };
}

export interface ListBytes<T> {
  /**
   * @param all every record of the view, ordered by id.
   * @param chosen those of them that are wanted, in the same order.
   * @returns their JSON objects with commas between them. The buffers may be shared: nobody may write into them.
   */
  read(all: readonly Entry<T>[], chosen: readonly Entry<T>[], nowS: number): Buffer[];
}

interface Block<T> {
  /** A comma and the object for each entry. */
  bytes: Buffer;
  items: readonly Item<T>[];
}

interface Item<T> {
  entry: Entry<T>;
  /** Places in the bytes; those of the age are the same where there is none. */
  start: number;
  ageStart: number;
  ageEnd: number;
  end: number;
}

/** Of an id, left out: a hundred neighbours are a block. */
const DIGITS_IN_BLOCK = 2;
/** Fewer records than these are made at once; to look them up would cost more. */
const FEW = 100;
/** Nothing is kept for longer than this after the last reading. */
const KEPT_MS = 60_000;

export function createListBytes<T>(form: RecordForm<T>, clock: Clock): ListBytes<T> {
  let blocks = new Map<string, Block<T>>();
  let cancelRelease: (() => void) | undefined;

  const blockOf = (all: readonly Entry<T>[], { prefix, from, to }: Neighbours, nowS: number): Block<T> => {
    const known = blocks.get(prefix);
    if (known && isOf(known, all, from, to)) return known;
    return renderBlock(form, all.slice(from, to), known, nowS);
  };
  const bytesOf = (block: Block<T>, nowS: number): [Block<T>, Buffer] => {
    if (!form.age) return [block, block.bytes];
    const bytes = withAges(block, form.age.text, nowS);
    if (bytes) return [block, bytes];
    const wider = renderBlock(form, entriesOf(block), undefined, nowS);
    return [wider, wider.bytes];
  };

  return {
    read(all, chosen, nowS) {
      if (chosen.length <= FEW) {
        return withoutFirstComma([renderBlock(form, chosen, undefined, nowS).bytes]);
      }
      cancelRelease?.();
      cancelRelease = clock.after(KEPT_MS, () => (blocks = new Map()));
      const current = new Map<string, Block<T>>();
      const parts: Buffer[] = [];
      let next = 0;
      for (const near of neighbours(all)) {
        const first = next;
        for (let place = near.from; place < near.to; place += 1) if (chosen[next] === all[place]) next += 1;
        if (next === first) {
          const known = blocks.get(near.prefix);
          if (known) current.set(near.prefix, known);
          continue;
        }
        const [block, bytes] = bytesOf(blockOf(all, near, nowS), nowS);
        current.set(near.prefix, block);
        parts.push(next - first === near.to - near.from ? bytes : cutOut(block, bytes, chosen, first));
      }
      blocks = current;
      return withoutFirstComma(parts);
    },
  };
}

/** Entries whose ids differ at their end only: those from one place in the list up to another. */
interface Neighbours {
  prefix: string;
  from: number;
  to: number;
}

function neighbours<T>(all: readonly Entry<T>[]): Neighbours[] {
  const found: Neighbours[] = [];
  let last: Neighbours | undefined;
  for (const [place, { id }] of all.entries()) {
    if (last && id.length === last.prefix.length + DIGITS_IN_BLOCK && id.startsWith(last.prefix)) {
      last.to = place + 1;
    } else {
      last = { prefix: id.slice(0, -DIGITS_IN_BLOCK), from: place, to: place + 1 };
      found.push(last);
    }
  }
  return found;
}

function isOf<T>({ items }: Block<T>, all: readonly Entry<T>[], from: number, to: number): boolean {
  return items.length === to - from && items.every(({ entry }, place) => entry === all[from + place]);
}

function entriesOf<T>({ items }: Block<T>): Entry<T>[] {
  return items.map(({ entry }) => entry);
}

/** What the block before it has already is copied. */
function renderBlock<T>(
  form: RecordForm<T>,
  entries: readonly Entry<T>[],
  old: Block<T> | undefined,
  nowS: number,
): Block<T> {
  const known = new Map(old?.items.map((item) => [item.entry, item]));
  const parts: Buffer[] = [];
  let start = 0;
  const items = entries.map((entry) => {
    const found = known.get(entry);
    const item = found && old ? moved(found, start) : undefined;
    if (found && old && item) {
      parts.push(old.bytes.subarray(found.start, found.end));
      start = item.end;
      return item;
    }
    const before = Buffer.from(`,${form.before(entry)}`);
    const age = Buffer.from(form.age?.text(entry, nowS) ?? '', 'latin1');
    const after = Buffer.from(form.age?.after(entry) ?? '');
    parts.push(before, age, after);
    const ageStart = start + before.length;
    const ageEnd = ageStart + age.length;
    const made = { entry, start, ageStart, ageEnd, end: ageEnd + after.length };
    start = made.end;
    return made;
  });
  return { bytes: Buffer.concat(parts), items };
}

function moved<T>(item: Item<T>, start: number): Item<T> {
  const by = start - item.start;
  return {
    entry: item.entry,
    start,
    ageStart: item.ageStart + by,
    ageEnd: item.ageEnd + by,
    end: item.end + by,
  };
}

/** A copy with the ages of now; undefined when one does not fit into its place, as after a hundred days. */
function withAges<T>(
  { bytes, items }: Block<T>,
  textOf: (entry: Entry<T>, nowS: number) => string,
  nowS: number,
): Buffer | undefined {
  const copy = Buffer.from(bytes);
  for (const { entry, ageStart, ageEnd } of items) {
    const text = textOf(entry, nowS);
    if (text.length !== ageEnd - ageStart) return undefined;
    copy.write(text, ageStart, 'latin1');
  }
  return copy;
}

/** Of a block's bytes those of the chosen entries, from a place in their list on. */
function cutOut<T>({ items }: Block<T>, bytes: Buffer, chosen: readonly Entry<T>[], first: number): Buffer {
  let next = first;
  const wanted = items.filter(({ entry }) => {
    if (chosen[next] !== entry) return false;
    next += 1;
    return true;
  });
  return Buffer.concat(wanted.map(({ start, end }) => bytes.subarray(start, end)));
}

function withoutFirstComma(parts: Buffer[]): Buffer[] {
  const [first, ...rest] = parts;
  return first ? [first.subarray(1), ...rest] : [];
}
