/** Which images can be used: the newest ready upload of each in each provider. */
import type { PublishedImage } from '../driver/driver.ts';
import { parseUploadId, type ImageUpload } from '../model/image.ts';
import type { Entry, Store, View } from '../store/store.ts';

export interface Published {
  /** `find('debian-12', 'cloud-a')` */
  find(image: string, provider: string): PublishedImage | undefined;
  close(): void;
}

export async function watchPublished(store: Store, onChange: (provider: string) => void): Promise<Published> {
  /** Made anew when an upload has changed, which is rare, and asked for at every decision. */
  let newest: Map<string, Entry<ImageUpload>> | undefined;
  const uploads: View<ImageUpload> = await store.uploads.watch(({ id }) => {
    newest = undefined;
    onChange(parseUploadId(id).provider);
  });
  return {
    find(image, provider) {
      const entry = (newest ??= newestOf(uploads)).get(keyOf(image, provider));
      return entry && describe(entry);
    },
    close: () => uploads.close(),
  };
}

const keyOf = (image: string, provider: string) => `${image}\n${provider}`;

function newestOf({ entries }: View<ImageUpload>): Map<string, Entry<ImageUpload>> {
  const newest = new Map<string, Entry<ImageUpload>>();
  for (const entry of entries.values()) {
    if (entry.value.state !== 'ready' || entry.value.externalId === null) continue;
    const { image, provider } = parseUploadId(entry.id);
    const other = newest.get(keyOf(image, provider));
    if (!other || other.value.stateTimeS < entry.value.stateTimeS) newest.set(keyOf(image, provider), entry);
  }
  return newest;
}

function describe({ id, value }: Entry<ImageUpload>): PublishedImage {
  const { image, build, provider, upload } = parseUploadId(id);
  return {
    externalId: value.externalId ?? '',
    record: `/nodepool/images/${image}/builds/${build}/providers/${provider}/images/${upload}`,
    pythonPath: value.pythonPath ?? 'auto',
    ...(value.username !== null && { username: value.username }),
    ...(value.shellType !== null && { shellType: value.shellType }),
  };
}
