import { StoreError } from '../errors.ts';
import { makeMark } from '../model/image.ts';
import type { Store } from '../store/store.ts';

/** Asks for a build of an image, which a builder then makes. Repeating is harmless. */
export async function requestBuild(store: Store, image: string): Promise<void> {
  if (await store.buildRequests.get(image)) return;
  try {
    await store.buildRequests.create(makeMark(), { id: image });
  } catch (error) {
    if (!(error instanceof StoreError) || !(await store.buildRequests.get(image))) throw error;
  }
}
