import { nowS } from '../clock.ts';
import { parseUploadId } from '../model/image.ts';
import { uploadJsonColumns, uploadTableColumns } from '../operator/image-columns.ts';
import type { Store } from '../store/store.ts';
import { warnOfTrouble } from './health.ts';
import { listingOf, printListing, type Listing } from './print.ts';
import type { Run } from './verb.ts';

/** All uploads, by image, provider and number. */
export const run: Run = async (tools) => {
  const store = await tools.openStore();
  printListing(tools, await listUploads(store, nowS(tools.clock)));
  await warnOfTrouble(tools, store);
  return 0;
};

export async function listUploads(store: Store, now: number): Promise<Listing> {
  const uploads = await store.uploads.list();
  const keyOf = (id: string) => {
    const { image, provider, upload } = parseUploadId(id);
    return `${image}\0${provider}\0${upload}`;
  };
  uploads.sort((a, b) => (keyOf(a.id) < keyOf(b.id) ? -1 : 1));
  return listingOf(uploads, uploadTableColumns(now), uploadJsonColumns(now));
}
