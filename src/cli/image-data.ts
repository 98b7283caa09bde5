/** Image records as one JSON object: keys are the paths in ZooKeeper, values the stored texts, as others write them. */
import { buildCodec, markCodec, parseUploadId, uploadCodec } from '../model/image.ts';
import type { Collection, Store } from '../store/store.ts';
import { Failure } from './failure.ts';

export type ImageData = Readonly<Record<string, string>>;

const ROOT = '/nodepool/images';

export async function exportImages(store: Store): Promise<ImageData> {
  const [builds, uploads, pauses] = await Promise.all([
    store.builds.list(),
    store.uploads.list(),
    store.imagePauses.list(),
  ]);
  const data: Record<string, string> = {};
  for (const { id } of pauses) data[`${ROOT}/${id}/pause`] = '';
  for (const { id, value } of builds)
    data[`${ROOT}/${id.replace('/', '/builds/')}`] = buildCodec.encode(value);
  for (const { id, value } of uploads) {
    const { image, build, provider, upload } = parseUploadId(id);
    data[`${ROOT}/${image}/builds/${build}/providers/${provider}/images/${upload}`] =
      uploadCodec.encode(value);
  }
  return data;
}

interface Step {
  collection: 'builds' | 'uploads' | 'imagePauses';
  id: string;
  text: string;
}

/** Creates or overwrites each record. Throws Failure naming every wrong entry before anything is written. */
export async function importImages(store: Store, data: unknown): Promise<number> {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new Failure('expected one JSON object, as export-image-data writes it');
  }
  const mistakes: string[] = [];
  const steps = Object.entries(data).flatMap(([path, text]) => {
    const step = readStep(path, text);
    if (typeof step !== 'string') return [step];
    mistakes.push(step);
    return [];
  });
  if (mistakes.length > 0) throw new Failure(mistakes.join('\n'));
  const order = ['imagePauses', 'builds', 'uploads'];
  steps.sort((a, b) => order.indexOf(a.collection) - order.indexOf(b.collection) || (a.id < b.id ? -1 : 1));
  for (const { collection, id, text } of steps) {
    // Which request a build has answered is known by its version, which means nothing in another state.
    if (collection === 'builds') await put(store.builds, id, { ...buildCodec.decode(text), answers: null });
    else if (collection === 'uploads') await put(store.uploads, id, uploadCodec.decode(text));
    else await put(store.imagePauses, id, markCodec.decode(text));
  }
  return steps.length;
}

/** A step, or what is wrong. */
function readStep(path: string, text: unknown): Step | string {
  const [, image, rest] = /^\/nodepool\/images\/([^/]+)\/(.+)$/.exec(path) ?? [];
  const pause = rest === 'pause';
  const [, build] = /^builds\/([^/]+)$/.exec(rest ?? '') ?? [];
  const [, ofBuild, provider, upload] =
    /^builds\/([^/]+)\/providers\/([^/]+)\/images\/(\d{10})$/.exec(rest ?? '') ?? [];
  if (image === undefined || !(pause || build !== undefined || upload !== undefined)) {
    return `${path}: expected the path of a build, an upload or a pause of an image`;
  }
  if (typeof text !== 'string') return `${path}: expected a text, found ${JSON.stringify(text)}`;
  if (pause) return { collection: 'imagePauses', id: image, text: '' };
  try {
    if (build !== undefined) buildCodec.decode(text);
    else uploadCodec.decode(text);
  } catch {
    return `${path}: expected the JSON text of a record`;
  }
  return build !== undefined
    ? { collection: 'builds', id: `${image}/${build}`, text }
    : { collection: 'uploads', id: [image, ofBuild, provider, upload].join('/'), text };
}

async function put<T>(collection: Collection<T>, id: string, value: T): Promise<void> {
  if (await collection.get(id)) await collection.update(id, () => value);
  else await collection.create(value, { id });
}
