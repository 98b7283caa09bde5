import { reasonOf } from '../errors.ts';
import { deleteBuild } from '../operator/image-actions.ts';
import { EXIT_FAILED } from './failure.ts';
import { say, warn } from './print.ts';
import type { Run } from './verb.ts';

/** Marks builds for removal. One failing does not stop the others. */
export const run: Run = async (tools, { args }) => {
  const store = await tools.openStore();
  let failed = false;
  for (const name of new Set(args)) {
    try {
      await deleteBuild(store, name, tools.clock);
      say(tools, `${name} goes as soon as its uploads are removed; nodepool image-list shows them`);
    } catch (error) {
      failed = true;
      warn(tools, reasonOf(error));
    }
  }
  return failed ? EXIT_FAILED : 0;
};
