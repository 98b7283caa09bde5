/** A builder in this process on a store of its own, whose disk-image-create is the stand-in. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { createDrivers } from '../../src/bin/drivers.ts';
import { systemClock, type Clock } from '../../src/clock.ts';
import { loadConfig } from '../../src/config/load.ts';
import { startBuilder, type Builder, type BuilderOptions } from '../../src/dib/builder.ts';
import type { Driver } from '../../src/driver/driver.ts';
import { createLogger, type LogEvent } from '../../src/log.ts';
import type { ImageBuild, ImageUpload } from '../../src/model/image.ts';
import { requestBuild } from '../../src/operator/image-actions.ts';
import { openEmbeddedStore } from '../../src/store/embedded.ts';
import type { Entry, Store, View } from '../../src/store/store.ts';
import { tempDir } from './temp.ts';

export const STAND_IN = fileURLToPath(new URL('dib/disk-image-create', import.meta.url));

const LONG_MS = 60_000;

export interface TestBuilder {
  builder: Builder;
  /** Somebody else's view of the same state. */
  store: Store;
  builds: View<ImageBuild>;
  uploads: View<ImageUpload>;
  logged: LogEvent[];
  drivers: Driver[];
  dir: string;
  imagesDir: string;
  logDir: string;
  /** Names of files in the images directory that belong to builds. */
  files(): string[];
  reload(yaml: string, secure?: string): Promise<void>;
  /** Another builder on the same state, with an images directory of its own. */
  another(): Promise<TestBuilder>;
  wait<R>(found: () => R | undefined | false | null, what?: string): Promise<R>;
  /** Resolves with the first build of the image in this state that is none of `not`. */
  build(image: string, state: ImageBuild['state'], not?: readonly string[]): Promise<Entry<ImageBuild>>;
  upload(provider: string, state: ImageUpload['state'], not?: readonly string[]): Promise<Entry<ImageUpload>>;
  request(image: string): Promise<void>;
  log(build: string): string;
}

export interface BuilderSetup {
  /** nodepool.yaml without directories; `<IMAGES>` in it is the images directory, `<DIB>` the stand-in, `<DIR>` a free one. */
  yaml: string;
  secure?: string;
  workers?: Partial<Pick<BuilderOptions, 'buildWorkers' | 'uploadWorkers'>>;
  dir?: string;
  name?: string;
  /** How long something may be waited for; 60 s. */
  waitMs?: number;
  clock?: Clock;
  /** What the builder has instead of its store. */
  wrap?: (store: Store) => Store;
}

/** Started, and stopped at the end of the test. */
export async function openBuilder(t: Test, setup: BuilderSetup): Promise<TestBuilder> {
  const { yaml, secure, workers = {}, dir = tempDir(t), name = 'one', waitMs = LONG_MS } = setup;
  const imagesDir = join(dir, `images-${name}`);
  const logDir = join(dir, `logs-${name}`);
  mkdirSync(imagesDir, { recursive: true });
  const drivers = createDrivers();
  const load = async (text: string, secrets?: string) => {
    const path = join(dir, `nodepool-${name}.yaml`);
    const securePath = join(dir, `secure-${name}.conf`);
    const top = `state-dir: ${dir}/state\nimages-dir: ${imagesDir}\nbuild-log-dir: ${logDir}\n`;
    writeFileSync(
      path,
      top + text.replaceAll('<IMAGES>', imagesDir).replaceAll('<DIB>', STAND_IN).replaceAll('<DIR>', dir),
    );
    if (secrets !== undefined) writeFileSync(securePath, secrets, { mode: 0o600 });
    return loadConfig({ path, securePath: secrets === undefined ? undefined : securePath, drivers, env: {} });
  };
  const logged: LogEvent[] = [];
  const log = createLogger({ enabled: () => true, write: (event) => void logged.push(event) });
  const own = await openEmbeddedStore({ dir: join(dir, 'state'), log });
  const store = await openEmbeddedStore({ dir: join(dir, 'state'), log });
  const builder = await startBuilder({
    store: setup.wrap?.(own) ?? own,
    drivers,
    config: await load(yaml, secure),
    log,
    clock: setup.clock ?? systemClock,
    version: '1.2.3',
    hostname: `${name}.example.net`,
    env: { PATH: process.env['PATH'], HOME: dir, TMPDIR: dir },
    buildWorkers: 1,
    uploadWorkers: 4,
    ...workers,
  });
  const waiting = new Set<() => void>();
  const wake = () => waiting.forEach((check) => check());
  const [builds, uploads] = await Promise.all([store.builds.watch(wake), store.uploads.watch(wake)]);
  t.teardown(async () => {
    await builder.stop(AbortSignal.abort(new Error('the test is over')));
    await Promise.all([own.close(), store.close()]);
  });

  const wait: TestBuilder['wait'] = (found, what = found.toString()) =>
    new Promise((resolve, reject) => {
      const check = () => {
        const result = found();
        if (result === undefined || result === false || result === null) return;
        end();
        resolve(result);
      };
      const timer = setInterval(check, 50); // for what is no record
      const deadline = setTimeout(() => {
        end();
        const lines = logged.map(
          ({ level, message, fields }) => `${level} ${message} ${JSON.stringify(fields)}`,
        );
        reject(new Error(`waited ${waitMs / 1000} s in vain for: ${what}\n${lines.join('\n')}`));
      }, waitMs);
      const end = () => {
        clearInterval(timer);
        clearTimeout(deadline);
        waiting.delete(check);
      };
      waiting.add(check);
      check();
    });
  const findBuild = (image: string, state: string, not: readonly string[]) =>
    [...builds.entries.values()].find(
      ({ id, value }) => id.startsWith(`${image}/`) && value.state === state && !not.includes(id),
    );
  const findUpload = (provider: string, state: string, not: readonly string[]) =>
    [...uploads.entries.values()].find(
      ({ id, value }) => id.split('/')[2] === provider && value.state === state && !not.includes(id),
    );
  return {
    builder,
    store,
    builds,
    uploads,
    logged,
    drivers,
    dir,
    imagesDir,
    logDir,
    files: () => readdirSync(imagesDir).filter((file) => file !== 'builder_id.txt' && file !== '.running'),
    reload: async (text, secrets) => builder.reload(await load(text, secrets)),
    another: () => openBuilder(t, { ...setup, dir, name: 'two' }),
    wait,
    build: (image, state, not = []) =>
      wait(() => findBuild(image, state, not), `a build of ${image} that is ${state}`),
    upload: (provider, state, not = []) =>
      wait(() => findUpload(provider, state, not), `an upload to ${provider} that is ${state}`),
    request: (image) => requestBuild(store, image),
    log(build) {
      const file = join(logDir, `${build.replace('/', '-')}.log`);
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    },
  };
}
