import { putMark } from '../operator/image-actions.ts';
import { findImage } from './known-images.ts';
import { say } from './print.ts';
import type { Run } from './verb.ts';

/** No builds of the image until image-unpause; uploads of what is built go on. */
export const run: Run = async (tools, { args }) => {
  const [image = ''] = args;
  const store = await tools.openStore();
  const known = (await store.builds.list()).some(({ id }) => id.startsWith(`${image}/`));
  if (!known) await findImage(tools, image);
  await putMark(store.imagePauses, image);
  say(tools, `${image} is not built any more; nodepool image-unpause ${image} ends it`);
  return 0;
};
