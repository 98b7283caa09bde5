import { nowS } from '../clock.ts';
import { parseUploadId } from '../model/image.ts';
import { uploadJsonColumns, uploadTableColumns } from '../operator/image-columns.ts';
import { warnOfTrouble } from './health.ts';
import { printRows } from './print.ts';
import type { Run } from './verb.ts';

/** All uploads, by image, provider and number. */
export const run: Run = async (tools) => {
  const store = await tools.openStore();
  const uploads = await store.uploads.list();
  const keyOf = (id: string) => {
    const { image, provider, upload } = parseUploadId(id);
    return `${image}\0${provider}\0${upload}`;
  };
  uploads.sort((a, b) => (keyOf(a.id) < keyOf(b.id) ? -1 : 1));
  const now = nowS(tools.clock);
  printRows(tools, uploads, uploadTableColumns(now), uploadJsonColumns(now));
  await warnOfTrouble(tools, store);
  return 0;
};
