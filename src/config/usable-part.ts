/** What of a section can be used in spite of its mistakes, so that checks that need a sound one tell theirs too. */
import type { Schema } from './schema.ts';
import { asMapping } from './plain.ts';
import { validate, type Complaint } from './validate.ts';
import type { Path } from './words.ts';

type Section = Readonly<Record<string, unknown>>;

export interface UsablePart {
  /** A copy that the schema accepts. */
  value: Section;
  /** Where a path inside the part is in the whole section: list entries before it may have been left out. */
  original(path: Path): Path;
}

/** Each round takes away what is wrong; what a removed key leaves incomplete goes in the next one. */
const MOST_ROUNDS = 10;

/** Undefined when nothing sound is left. */
export async function findUsablePart(schema: Schema, section: Section): Promise<UsablePart | undefined> {
  const value = structuredClone(section) as Record<string, unknown>;
  const positions = new Map<unknown, number[]>();
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const complaints = await validate(schema, value);
    if (complaints.length === 0) return { value, original: (path) => toOriginal(path, value, positions) };
    if (!removeAll(complaints, value, positions)) return undefined;
  }
  return undefined;
}

/** False when the section itself is what is wrong. */
function removeAll(
  complaints: readonly Complaint[],
  root: Record<string, unknown>,
  positions: Map<unknown, number[]>,
): boolean {
  const doomed = new Map<unknown[], Set<number>>();
  for (const { path } of complaints) {
    const place = removablePlace(path, root);
    if (!place) return false;
    const { parent, step } = place;
    if (Array.isArray(parent))
      doomed.set(parent, (doomed.get(parent) ?? new Set<number>()).add(Number(step)));
    else delete parent[step];
  }
  for (const [list, indexes] of doomed) {
    const before = positions.get(list) ?? list.map((_, index) => index);
    const kept = before.filter((_, index) => !indexes.has(index));
    list.splice(0, list.length, ...list.filter((_, index) => !indexes.has(index)));
    positions.set(list, kept);
  }
  return true;
}

/** An entry of a list of mappings, or a key; a list of plain values goes as a whole. */
function removablePlace(
  path: Path,
  root: Record<string, unknown>,
): { parent: Record<string, unknown> | unknown[]; step: string } | undefined {
  const trail: unknown[] = [root];
  for (const step of path.slice(0, -1)) trail.push((trail.at(-1) as Section | undefined)?.[step]);
  for (let depth = path.length - 1; depth >= 0; depth -= 1) {
    const parent = trail[depth];
    const step = String(path[depth]);
    if (Array.isArray(parent) && parent.some(asMapping)) return { parent, step };
    if (asMapping(parent)) return { parent: parent as Record<string, unknown>, step };
  }
  return undefined;
}

function toOriginal(path: Path, root: unknown, positions: ReadonlyMap<unknown, number[]>): Path {
  let value = root;
  return path.map((step) => {
    const original = typeof step === 'number' ? (positions.get(value)?.[step] ?? step) : step;
    value = (value as Section | undefined)?.[step];
    return original;
  });
}
