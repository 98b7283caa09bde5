/**
 * Whether machines that all were free would be enough for the labels, one slot for each. A slot may have several labels,
 * so the slots are handed on along augmenting paths until everybody has one or nobody can move (bipartite matching).
 */
export function fitSlots(
  labels: readonly string[],
  slots: readonly { labels: readonly string[] }[],
): boolean {
  if (labels.length > slots.length) return false;
  /** Which label, by its place, has the slot. */
  const owners = new Map<number, number>();

  const find = (place: number, tried: Set<number>): boolean => {
    for (const [slot, { labels: offered }] of slots.entries()) {
      if (tried.has(slot) || !offered.includes(labels[place] ?? '')) continue;
      tried.add(slot);
      const owner = owners.get(slot);
      if (owner !== undefined && !find(owner, tried)) continue;
      owners.set(slot, place);
      return true;
    }
    return false;
  };
  return labels.every((_, place) => find(place, new Set()));
}
