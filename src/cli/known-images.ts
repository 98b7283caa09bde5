import type { DiskImage } from '../config/config.ts';
import { didYouMean } from '../config/words.ts';
import { Failure } from './failure.ts';
import type { Tools } from './verb.ts';

/** The diskimage of the configuration; throws Failure when there is none of that name. */
export async function findImage(tools: Tools, name: string): Promise<DiskImage> {
  const { diskimages } = await tools.loadConfig();
  const image = diskimages.get(name);
  if (image) return image;
  const hint = didYouMean(name, [...diskimages.keys()]);
  throw new Failure(`Trying to build a non disk-image-builder image: ${name}${hint}`);
}
