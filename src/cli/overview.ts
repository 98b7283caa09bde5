import { nowS } from '../clock.ts';
import { readFacts } from '../operator/read-facts.ts';
import type { Store } from '../store/store.ts';
import { listBuilds } from './dib-image-list.ts';
import { UsageError } from './failure.ts';
import { warnOfTrouble, warnOfUnreadable } from './health.ts';
import { listUploads } from './image-list.ts';
import { listNodes } from './list.ts';
import { printJson, printListing, type Listing } from './print.ts';
import { listRequests } from './request-list.ts';
import type { Run } from './verb.ts';

/** The word on the command line, which is the key in JSON, and what stands above the table. */
const HEADINGS = { nodes: 'Nodes', requests: 'Requests', builds: 'Builds', images: 'Images' } as const;

type Subject = keyof typeof HEADINGS;

/** Several lists by one command: what a look at all of it costs is mostly the start of a program. */
export const run: Run = async (tools, { args }) => {
  const subjects = args.length > 0 ? args.map(checkSubject) : (Object.keys(HEADINGS) as Subject[]);
  const store = await tools.openStore();
  const { listings, nodes } = await readListings(store, subjects, nowS(tools.clock));
  if (tools.format === 'json') {
    const lists = [...listings].map(([subject, listing]) => [subject, listing.objects()] as const);
    printJson(tools, Object.fromEntries(lists));
    return 0;
  }
  for (const [place, [subject, listing]] of [...listings].entries()) {
    tools.io.stdout.write(`${place > 0 ? '\n' : ''}${HEADINGS[subject]}:\n`);
    printListing(tools, listing);
  }
  if (nodes) warnOfUnreadable(tools, nodes.unreadable);
  await warnOfTrouble(tools, store, nodes?.readable);
  return 0;
};

function checkSubject(word: string): Subject {
  if (Object.hasOwn(HEADINGS, word)) return word as Subject;
  throw new UsageError(`expected ${Object.keys(HEADINGS).join(', ')}, found "${word}"`);
}

type Nodes = Awaited<ReturnType<Store['nodes']['listAll']>>;

/** In the order of the subjects. Requests are explained by nodes, so those are read once for both; `nodes`: if they are listed. */
async function readListings(
  store: Store,
  subjects: readonly Subject[],
  now: number,
): Promise<{ listings: Map<Subject, Listing>; nodes: Nodes | undefined }> {
  const nodes = subjects.includes('nodes') ? store.nodes.listAll() : undefined;
  const readable = nodes?.then(({ readable }) => readable);
  const read: Record<Subject, () => Promise<Listing>> = {
    nodes: async () => listNodes((await readable) ?? [], now, {}),
    requests: async () => listRequests(await readFacts(store, readable), now),
    builds: () => listBuilds(store, now),
    images: () => listUploads(store, now),
  };
  const listings = new Map(
    await Promise.all(subjects.map(async (subject) => [subject, await read[subject]()] as const)),
  );
  return { listings, nodes: await nodes };
}
