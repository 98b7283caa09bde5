import { nowS } from '../clock.ts';
import type { NodeRequest } from '../model/request.ts';
import type { Entry } from '../store/store.ts';
import { formatAge } from '../operator/cell.ts';
import { listingOf, printListing, type Listing } from './print.ts';
import { readFacts } from '../operator/read-facts.ts';
import { requestColumns } from '../operator/request-columns.ts';
import { summarise, type MoreFacts } from '../operator/summary.ts';
import type { Column } from '../operator/table.ts';
import type { Run } from './verb.ts';
import { askPools, type Facts } from '../operator/why.ts';

/** All requests, ordered by id, each with the short reason why it waits. */
export const run: Run = async (tools) => {
  const facts = await readFacts(await tools.openStore());
  printListing(tools, listRequests(facts, nowS(tools.clock)));
  return 0;
};

export function listRequests(facts: MoreFacts, now: number): Listing {
  const columns: Column<Entry<NodeRequest>>[] = [
    ...requestColumns,
    { header: 'Reason', key: 'reason', value: (row) => reasonFor(row, facts, now), flexible: true },
  ];
  return listingOf(facts.requests, columns, [...columns, ...extraColumns(now)]);
}

function extraColumns(now: number): Column<Entry<NodeRequest>>[] {
  return [
    { header: '', key: 'age', value: ({ value }) => formatAge(value.stateTimeS, now) },
    { header: '', key: 'state_time', value: ({ value }) => value.stateTimeS },
    { header: '', key: 'created_time', value: ({ value }) => value.createdTimeS },
    { header: '', key: 'provider', value: ({ value }) => value.provider },
    { header: '', key: 'tenant_name', value: ({ value }) => value.tenantName },
  ];
}

/** Nothing for a fulfilled request: it does not wait for us. */
function reasonFor(row: Entry<NodeRequest>, facts: Facts, now: number): string | null {
  if (row.value.state === 'fulfilled') return null;
  return summarise(row, askPools(row, facts), now);
}
