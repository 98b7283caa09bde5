import type { Node } from '../model/node.ts';
import type { Entry } from '../store/store.ts';

/**
 * Which ready nodes can serve which of these labels: for each label a node's id, or undefined where none is left. Every
 * node serves one label only, all are in one zone, and where nodes have several labels they are dealt out so that as many
 * labels as possible get one (augmenting paths). Candidates that come first are preferred.
 */
export function matchReady(
  labels: readonly string[],
  candidatesOf: (label: string) => Iterable<Entry<Node>>,
): (string | undefined)[] {
  const matched = labels.map((): string | undefined => undefined);
  const placeOf = new Map<string, number>();
  let zone: string | undefined;

  const give = ({ id, value }: Entry<Node>, place: number) => {
    matched[place] = id;
    placeOf.set(id, place);
    zone ??= value.az ?? undefined;
  };
  const find = (place: number, tried: Set<string>): boolean => {
    const label = labels[place] ?? '';
    for (const candidate of candidatesOf(label)) {
      if (placeOf.has(candidate.id) || !isInZone(candidate.value, zone)) continue;
      give(candidate, place);
      return true;
    }
    for (const candidate of candidatesOf(label)) {
      const other = placeOf.get(candidate.id);
      if (other === undefined || labels[other] === label || tried.has(candidate.id)) continue;
      tried.add(candidate.id);
      if (!find(other, tried)) continue;
      give(candidate, place);
      return true;
    }
    return false;
  };

  labels.forEach((_, place) => find(place, new Set()));
  return matched;
}

/** A node without a zone is in all of them. */
export function isInZone({ az }: Node, zone: string | undefined): boolean {
  return zone === undefined || az === null || az === zone;
}
