import { rename, rm, writeFile } from 'node:fs/promises';
import { exportImages } from './image-data.ts';
import { say } from './print.ts';
import type { Run } from './verb.ts';

/** Writes a file that only its owner can read, as a whole or not at all. */
export const run: Run = async (tools, { args }) => {
  const [path = ''] = args;
  const data = await exportImages(await tools.openStore());
  const partial = `${path}.new-${process.pid}`;
  try {
    await writeFile(partial, `${JSON.stringify(data, null, 2)}\n`, { mode: 0o600 });
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
  say(tools, `${Object.keys(data).length} records of images are in ${path}`);
  return 0;
};
