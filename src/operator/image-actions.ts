/** What operators ask of images. Each throws Refusal, whose message is for people. */
import { nowS, type Clock } from '../clock.ts';
import { NotFoundError, StoreError } from '../errors.ts';
import { makeMark, type ImageMark } from '../model/image.ts';
import type { Collection, Entry, Store } from '../store/store.ts';
import { Refusal } from './refusal.ts';

/** Leaves a mark; repeating is harmless. */
export async function putMark(collection: Collection<ImageMark>, image: string): Promise<Entry<ImageMark>> {
  const there = await collection.get(image);
  if (there) return there;
  try {
    return await collection.create(makeMark(), { id: image });
  } catch (error) {
    const made = error instanceof StoreError ? await collection.get(image) : undefined;
    if (made) return made;
    throw error;
  }
}

/**
 * Asks for a build. Asking again makes the request a new one, so that what has failed meanwhile is tried at once and not after the
 * pause that failures earn.
 */
export async function requestBuild({ buildRequests }: Store, image: string): Promise<void> {
  try {
    await buildRequests.update(image, (mark) => mark);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    await putMark(buildRequests, image);
  }
}

/** `debian-0f…`: the builder removes it as soon as no provider uses it. */
export async function deleteBuild(store: Store, name: string, clock: Clock): Promise<void> {
  const dash = name.lastIndexOf('-');
  if (dash <= 0)
    throw new Refusal('not possible', `expected IMAGE-BUILD as dib-image-list shows it, found ${name}`);
  const id = `${name.slice(0, dash)}/${name.slice(dash + 1)}`;
  try {
    await store.builds.update(id, (build) => {
      if (build.state === 'building')
        throw new Refusal('not possible', `Cannot delete a build in progress: ${name}`);
      return build.state === 'deleting'
        ? undefined
        : { ...build, state: 'deleting', stateTimeS: nowS(clock) };
    });
  } catch (error) {
    if (error instanceof NotFoundError) throw new Refusal('not found', `Build ${name} not found`);
    throw error;
  }
}

/** The builder removes it from the provider. */
export async function deleteUpload(store: Store, id: string, clock: Clock): Promise<void> {
  try {
    await store.uploads.update(id, (upload) => {
      if (upload.state === 'uploading')
        throw new Refusal('not possible', `Cannot delete because image upload in progress: ${id}`);
      return upload.state === 'deleting'
        ? undefined
        : { ...upload, state: 'deleting', stateTimeS: nowS(clock) };
    });
  } catch (error) {
    if (error instanceof NotFoundError) throw new Refusal('not found', `Image upload not found: ${id}`);
    throw error;
  }
}
