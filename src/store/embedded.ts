import { systemClock, type Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Codec } from '../model/codec.ts';
import { componentCodec } from '../model/component.ts';
import { decisionCodec } from '../model/decision.ts';
import { drainCodec } from '../model/drain.ts';
import { buildCodec, markCodec, uploadCodec } from '../model/image.ts';
import { nodeCodec } from '../model/node.ts';
import { poolStatusCodec } from '../model/pool-status.ts';
import { requestCodec } from '../model/request.ts';
import { EmbeddedCollection } from './embedded/collection.ts';
import { openDatabase } from './embedded/database.ts';
import { Feed, type News } from './embedded/feed.ts';
import { prepareFiles } from './embedded/files.ts';
import { LOG_SLOTS, mutexId, SESSIONS, splitPath, pathOf, sessionKey } from './embedded/layout.ts';
import { Locks } from './embedded/locks.ts';
import { Mirror } from './embedded/mirror.ts';
import { Peers } from './embedded/peers.ts';
import { OwnSession } from './embedded/session.ts';
import { closedError, Writer } from './embedded/writer.ts';
import type { Change, Store } from './store.ts';

export interface EmbeddedOptions {
  dir: string;
  log: Logger;
  clock?: Clock;
  /** The same in all processes of a directory. */
  logSlots?: number;
}

/** Opens the state in a directory, which is made if need be. Any number of processes may have it open. */
export async function openEmbeddedStore({
  dir,
  log,
  clock = systemClock,
  logSlots = LOG_SLOTS,
}: EmbeddedOptions): Promise<Store> {
  const files = prepareFiles(dir);
  const { db, close: closeDatabase } = openDatabase(files);

  const session = new OwnSession({ files, log, clock });
  const feed: Feed = new Feed({ db, files, log, logSlots, onNews });
  const writer = new Writer({ db, files, clock, logSlots, onCommit: (commit) => feed.committed(commit) });
  const peers = new Peers({ db, files, log, writer, ownId: () => session.id });
  const locks = new Locks({ db, writer, session, peers, clock, follow });
  const mirrors = new Map<string, Mirror<unknown>>();

  function follow(): () => void {
    feed.start();
    peers.follow();
    feed.check();
    return feed.keepAlive();
  }

  function onNews(news: News): void {
    const changes = news.everything
      ? [...mirrors.values()].flatMap((mirror) => tellings(mirror, mirror.refreshAll()))
      : [...news.touched].flatMap(([path, touched]) => {
          const [collection, id] = splitPath(path);
          const mirror = mirrors.get(collection);
          return mirror ? tellings(mirror, [mirror.refresh(id, touched)]) : [];
        });
    peers.onNews(news);
    noticeLoss(news);
    locks.onNews(news);
    for (const tell of changes) tell();
  }

  function noticeLoss(news: News): void {
    const id = session.id;
    if (id === undefined || !(news.everything || news.touched.has(pathOf(SESSIONS, id)))) return;
    if (!db.doesExist(sessionKey(id))) session.lose();
  }

  function collection<T>(name: string, codec: Codec<T>): EmbeddedCollection<T> {
    const mirror = new Mirror<T>({ name, codec, db, log });
    mirrors.set(name, mirror as Mirror<unknown>);
    return new EmbeddedCollection<T>({
      name,
      codec,
      db,
      writer,
      clock,
      session,
      locks,
      mirror,
      follow,
    });
  }

  async function closeAll(): Promise<void> {
    locks.close(closedError(files.dir));
    for (const mirror of mirrors.values()) mirror.close();
    const left = session.close(writer);
    await writer.close();
    await left;
    peers.close();
    feed.close();
    await closeDatabase();
  }

  try {
    await peers.sweep();
  } catch (error) {
    await closeAll();
    throw error;
  }
  let closing: Promise<void> | undefined;
  return {
    nodes: collection('nodes', nodeCodec),
    requests: collection('requests', requestCodec),
    builds: collection('builds', buildCodec),
    uploads: collection('uploads', uploadCodec),
    buildRequests: collection('buildRequests', markCodec),
    imagePauses: collection('imagePauses', markCodec),
    components: collection('components', componentCodec),
    pools: collection('pools', poolStatusCodec),
    decisions: collection('decisions', decisionCodec),
    drains: collection('drains', drainCodec),
    session,
    acquire: (name, options = {}) => locks.acquire(mutexId(name), options),
    tidy: () => Promise.resolve(),
    close: () => (closing ??= closeAll()),
  };
}

function tellings(mirror: Mirror<unknown>, changes: (Change<unknown> | undefined)[]): (() => void)[] {
  return changes.flatMap((change) => (change === undefined ? [] : [() => mirror.tell(change)]));
}
