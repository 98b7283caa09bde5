import { deleteUpload } from '../operator/image-actions.ts';
import { UsageError } from './failure.ts';
import { say } from './print.ts';
import type { Run } from './verb.ts';

/** Marks one upload for removal from its provider. */
export const run: Run = async (tools, { options }) => {
  const { provider, image, buildId, uploadId } = options;
  if (!provider || !image || !buildId || !uploadId) {
    throw new UsageError(
      'image-delete needs --provider, --image, --build-id and --upload-id; image-list shows them',
    );
  }
  const store = await tools.openStore();
  const upload = /^\d+$/.test(uploadId) ? uploadId.padStart(10, '0') : uploadId;
  await deleteUpload(store, [image, buildId, provider, upload].join('/'), tools.clock);
  say(tools, `upload ${upload} of ${image} is removed from ${provider} by the builder`);
  return 0;
};
