import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { open } from 'lmdb';
import {
  commitKey,
  HEAD,
  LOG_SLOTS,
  pathOf,
  readHead,
  readRecord,
  recordKey,
  writeRecord,
} from '../../../src/store/embedded/layout.ts';
import type { StoreUnderTest } from './contract.ts';
import type { EmbeddedPlace, Place } from './place.ts';

function openRaw(place: Place) {
  if (place.kind !== 'embedded') throw new Error('not a directory');
  return open<string, string>({
    path: place.dir,
    noSubdir: false,
    encoding: 'string',
    overlappingSync: false,
  } as object as { path: string });
}

/** The embedded store in a temporary directory. */
export const embedded: StoreUnderTest<EmbeddedPlace> = {
  name: 'embedded',

  async prepare() {
    const dir = await fs.mkdtemp(path.join(os.tmpdir(), 'sf-nodepool-store-'));
    return { place: { kind: 'embedded', dir }, remove: () => fs.rm(dir, { recursive: true, force: true }) };
  },

  async putRaw(place, collection, id, text) {
    const db = openRaw(place);
    await db.transaction(() => {
      const { commit, version } = readHead(db.get(HEAD));
      const number = commit + 1;
      const stamp = { version: version + 1, createdMs: 1, modifiedMs: 1, session: undefined };
      void db.put(recordKey(pathOf(collection, id)), writeRecord({ ...stamp, text }));
      void db.put(commitKey(number % LOG_SLOTS), `${number}\n${pathOf(collection, id)}`);
      void db.put(HEAD, `${number} ${version + 1}`);
    });
    await db.close();
  },

  async getRaw(place, collection, id) {
    const db = openRaw(place);
    const stored = db.get(recordKey(pathOf(collection, id)));
    await db.close();
    return stored === undefined ? undefined : readRecord(stored).text;
  },
};
