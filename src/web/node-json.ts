import type { Node } from '../model/node.ts';
import { formatAge } from '../operator/cell.ts';
import { allNodeColumns } from '../operator/node-columns.ts';
import { toObjects } from '../operator/table.ts';
import type { Entry } from '../store/store.ts';
import type { RecordForm } from './list-bytes.ts';

const COLUMNS = allNodeColumns(0); // the time is for the age, which is put in by itself
const AGE = COLUMNS.findIndex(({ key }) => key === 'age');
const BEFORE = COLUMNS.slice(0, AGE);
const AFTER = COLUMNS.slice(AGE + 1);

/** A node in `/node-list`: every column, the age as `DD:HH:MM:SS`. */
export const documentedNode: RecordForm<Node> = {
  before: (entry) => `${toJson(BEFORE, entry).slice(0, -1)},"age":"`,
  age: {
    text: (entry, nowS) => formatAge(entry.value.stateTimeS, nowS),
    after: (entry) => `",${toJson(AFTER, entry).slice(1)}`,
  },
};

function toJson(columns: typeof COLUMNS, entry: Entry<Node>): string {
  return JSON.stringify(toObjects(columns, [entry])[0]);
}
