import type { Node } from '../model/node.ts';
import { formatAge } from '../operator/cell.ts';
import { allNodeColumns } from '../operator/node-columns.ts';
import { toObjects } from '../operator/table.ts';
import type { Entry } from '../store/store.ts';

/** A node as `/node-list` gives it, cut open where the age goes. */
interface Halves {
  before: string;
  after: string;
}

/** An entry never changes, so its text is made once; only the age is new every second. */
const known = new WeakMap<Entry<Node>, Halves>();

/** One object of `/node-list`: every column, the age as `DD:HH:MM:SS`. */
export function documentedNodeJson(entry: Entry<Node>, nowS: number): string {
  let halves = known.get(entry);
  if (!halves) known.set(entry, (halves = render(entry)));
  return `${halves.before}${formatAge(entry.value.stateTimeS, nowS)}${halves.after}`;
}

function render(entry: Entry<Node>): Halves {
  const columns = allNodeColumns(0);
  const place = columns.findIndex(({ key }) => key === 'age');
  const [before] = toObjects(columns.slice(0, place), [entry]);
  const [after] = toObjects(columns.slice(place + 1), [entry]);
  return {
    before: `${JSON.stringify(before).slice(0, -1)},"age":"`,
    after: `",${JSON.stringify(after).slice(1)}`,
  };
}
