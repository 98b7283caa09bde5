import { say } from './print.ts';
import type { Run } from './verb.ts';

/** Ends what image-pause began; repeating is harmless. */
export const run: Run = async (tools, { args }) => {
  const [image = ''] = args;
  const store = await tools.openStore();
  const paused = (await store.imagePauses.get(image)) !== undefined;
  await store.imagePauses.remove(image);
  say(tools, paused ? `${image} is built again` : `${image} was not paused`);
  return 0;
};
