/** An image from the disk into Glance: by nodepool-builder, and by the OpenStack SDK as the Python Nodepool uses it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { silentLogger } from '../src/log.ts';
import type { ImageUpload } from '../src/model/image.ts';
import { openEmbeddedStore } from '../src/store/embedded.ts';
import type { Entry, Store } from '../src/store/store.ts';
import type { Peers } from '../test/interop/peers.ts';
import { STAND_IN } from '../test/support/builder.ts';
import { atEnd } from './clean-up.ts';
import type { BenchOptions } from './main.ts';
import { median } from './measure.ts';
import { atLeast, atMost, type Row } from './report.ts';

const PATIENCE_MS = 15 * 60_000;

export async function benchUpload(peer: Peers | undefined, options: BenchOptions): Promise<Row[]> {
  const sizeMiB = options.quick ? 256 : 2048;
  const rounds = options.quick ? 1 : 3;
  options.progress(`openstack, building an image of ${sizeMiB} MiB to be uploaded`);
  const place = openPlace(sizeMiB);
  const pid = startBuilder(place);
  const store = await openEmbeddedStore({ dir: join(place.directory, 'state'), log: silentLogger });
  atEnd('store of the builder', () => store.close());
  const [ours, theirs]: [number[], number[]] = [[], []];
  const peaksMB: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    options.progress(`openstack, upload ${round + 1} of ${rounds}`);
    const { seconds, upload } = await timeUpload(store);
    ours.push((sizeMiB * 1.048576) / seconds);
    if (peer) {
      const sdk = await uploadWithSdk(peer, place);
      theirs.push((sizeMiB * 1.048576) / sdk.seconds);
      peaksMB.push((sdk.peakKB * 1024) / 1e6);
    }
    await removeUpload(store, upload);
  }
  const name = `upload of ${sizeMiB} MiB`;
  return [
    {
      section: 'openstack',
      name,
      unit: 'MB/s',
      value: median(ours),
      samples: rounds,
      ...(peer && {
        reference: { name: 'OpenStack SDK', value: median(theirs) },
        goal: atLeast(0.9, 'ratio'),
      }),
    },
    {
      section: 'openstack',
      name: 'builder memory at most',
      unit: 'MB',
      value: peakMB(pid),
      goal: atMost(150),
      ...(peer && { reference: { name: 'OpenStack SDK', value: median(peaksMB) } }),
    },
  ];
}

interface UploadPlace {
  directory: string;
  images: string;
  config: string;
  clouds: string;
}

function openPlace(sizeMiB: number): UploadPlace {
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-bench-'));
  atEnd(directory, () => rmSync(directory, { recursive: true, force: true }));
  const place = {
    directory,
    images: join(directory, 'images'),
    config: join(directory, 'nodepool.yaml'),
    clouds: join(directory, 'clouds.yaml'),
  };
  mkdirSync(place.images);
  const given = readFileSync(process.env['TESTCLOUD_CLOUDS'] ?? '', 'utf8');
  writeFileSync(place.clouds, given.replaceAll('region_name:', 'image_format: raw\n    region_name:'));
  const config = {
    'state-dir': join(directory, 'state'),
    'images-dir': place.images,
    'build-log-dir': join(directory, 'logs'),
    labels: [],
    diskimages: [{ name: 'bench', 'dib-cmd': STAND_IN, 'env-vars': { STAND_IN_SIZE: String(sizeMiB) } }],
    providers: [{ name: 'bench', cloud: 'testcloud', rate: 0, diskimages: [{ name: 'bench' }], pools: [] }],
  };
  writeFileSync(place.config, JSON.stringify(config));
  return place;
}

function startBuilder({ config, clouds }: UploadPlace): number {
  const program = join(import.meta.dirname, '../dist/bin/nodepool-builder.js');
  const args = [program, '--no-webapp', '-f', '-c', config, '--log-file', 'none'];
  const env = { ...process.env, OS_CLIENT_CONFIG_FILE: clouds };
  const child = spawn(process.execPath, args, { stdio: 'ignore', detached: true, env });
  const ended = once(child, 'exit');
  atEnd('builder', async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    await ended;
    clearTimeout(timer);
  });
  return child.pid as number;
}

/** From the record that says `uploading` to the one that says `ready`. */
async function timeUpload(store: Store): Promise<{ seconds: number; upload: Entry<ImageUpload> }> {
  let startedMs: number | undefined;
  let look = (entry: Entry<ImageUpload> | undefined): void => void entry;
  const done = new Promise<{ seconds: number; upload: Entry<ImageUpload> }>((resolve, reject) => {
    look = (upload) => {
      if (upload?.value.state === 'uploading') startedMs ??= performance.now();
      if (upload?.value.state === 'failed')
        reject(new Error(`the upload has failed: ${upload.value.error ?? ''}`));
      if (upload?.value.state === 'ready' && startedMs !== undefined)
        resolve({ seconds: (performance.now() - startedMs) / 1000, upload });
    };
    setTimeout(() => reject(new Error('no upload in time')), PATIENCE_MS).unref();
  });
  const view = await store.uploads.watch(({ entry }) => look(entry));
  for (const entry of view.entries.values()) look(entry);
  try {
    return await done;
  } finally {
    view.close();
  }
}

/** The builder then removes the image, and uploads it again. */
async function removeUpload(store: Store, { id }: Entry<ImageUpload>): Promise<void> {
  await store.uploads.update(id, (upload) => ({
    ...upload,
    state: 'deleting',
    stateTimeS: Date.now() / 1000,
  }));
}

/** With the checksums of the build at hand, as a builder has them; the image is removed again. */
const SDK_UPLOAD = `
import json, resource, sys, time
import openstack
path, md5, sha256 = sys.argv[1:]
cloud = openstack.connect(cloud='testcloud')
cloud.authorize()
began = time.monotonic()
image = cloud.create_image('bench-sdk', filename=path, disk_format='raw', container_format='bare',
                           md5=md5, sha256=sha256, wait=True, timeout=900)
seconds = time.monotonic() - began
cloud.delete_image(image.id)
print(json.dumps({'seconds': seconds, 'peakKB': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
`;

async function uploadWithSdk(
  { python }: Peers,
  { images, clouds }: UploadPlace,
): Promise<{ seconds: number; peakKB: number }> {
  const [file = ''] = readdirSync(images).filter((name) => name.endsWith('.raw'));
  const path = join(images, file);
  const digest = (kind: string) => readFileSync(`${path}.${kind}`, 'utf8').split(' ')[0] ?? '';
  const args = ['-c', SDK_UPLOAD, path, digest('md5'), digest('sha256')];
  const env = { ...process.env, OS_CLIENT_CONFIG_FILE: clouds };
  const { stdout } = await promisify(execFile)(python, args, { env, timeout: PATIENCE_MS });
  return JSON.parse(stdout) as { seconds: number; peakKB: number };
}

function peakMB(pid: number): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (Number(kilobytes) * 1024) / 1e6;
}
