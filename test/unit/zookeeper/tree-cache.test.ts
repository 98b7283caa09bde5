/** What a tree cache makes of answers and events in a certain order; test/integration has it follow a real server. */
import t from 'tap';
import {
  openTreeCache,
  type TreeCache,
  type WatchEvent,
  type ZooKeeperClient,
} from '../../../src/zookeeper/index.ts';

/** A client whose server has these znodes, and answers listings only when it is told to. */
function scriptedClient(paths: string[]) {
  let tell: ((event: WatchEvent) => void) | undefined;
  const listings = new Map<string, (names: string[]) => void>();
  const asked = new Map<string, () => void>();
  const client = {
    onState: () => () => undefined,
    addWatch(_root: string, listener: (event: WatchEvent) => void) {
      tell = listener;
      return Promise.resolve(() => Promise.resolve());
    },
    getData: (path: string) =>
      Promise.resolve({ data: Buffer.from(path), stat: { mzxid: 1n, numChildren: paths.length } }),
    getChildren(path: string) {
      asked.get(path)?.();
      return new Promise<string[]>((resolve) => listings.set(path, resolve));
    },
  };
  return {
    client: client as unknown as ZooKeeperClient,
    tell: (type: WatchEvent['type'], path: string) => tell?.({ type, path }),
    /** Waits until the listing is asked for; `answer` gives it. */
    async listing(path: string): Promise<{ answer: (names: string[]) => void }> {
      if (!listings.has(path)) await new Promise<void>((resolve) => asked.set(path, resolve));
      await Promise.resolve();
      return { answer: (names) => listings.get(path)?.(names) };
    },
  };
}

const open = (client: ZooKeeperClient): Promise<TreeCache> =>
  openTreeCache(client, '/', {
    interest: (path) => (path.endsWith('/lock') ? 'children' : path.includes('/lock/') ? 'name' : 'data'),
  });

t.test('a child that goes while its listing waits for its turn does not come back', async (t) => {
  const { client, tell, listing } = scriptedClient(['/n', '/n/lock', '/n/lock/contender']);
  const opened = open(client);
  (await listing('/')).answer(['n']);
  (await listing('/n')).answer(['lock']);
  const { answer } = await listing('/n/lock');
  answer(['contender']);
  tell('deleted', '/n/lock/contender'); // received together with the answer
  t.same([...(await opened).childrenOf('/n/lock')], []);
});

t.test('a child that comes before its parent has been read is among its children', async (t) => {
  const { client, tell, listing } = scriptedClient(['/n', '/n/lock']);
  const opened = open(client);
  const { answer } = await listing('/');
  tell('created', '/n/lock/contender');
  answer(['n']);
  (await listing('/n')).answer(['lock']);
  (await listing('/n/lock')).answer(['contender']);
  t.same([...(await opened).childrenOf('/n/lock')], ['contender']);
});
