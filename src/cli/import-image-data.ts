import { readFile } from 'node:fs/promises';
import { reasonOf } from '../errors.ts';
import { Failure } from './failure.ts';
import { importImages } from './image-data.ts';
import { say } from './print.ts';
import type { Run } from './verb.ts';

/** Restores what export-image-data wrote, while no builder runs. */
export const run: Run = async (tools, { args }) => {
  const [path = ''] = args;
  const data = await readJson(path);
  const count = await importImages(await tools.openStore(), data);
  say(tools, `${count} records of images are restored from ${path}`);
  return 0;
};

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    throw new Failure(`cannot read ${path}: ${reasonOf(error)}`, undefined, { cause: error });
  }
}
