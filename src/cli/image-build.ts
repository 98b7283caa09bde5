import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { parseBuildId, type ImageBuild } from '../model/image.ts';
import { requestBuild } from '../operator/image-actions.ts';
import { formatSpan } from '../operator/cell.ts';
import type { Entry, Store } from '../store/store.ts';
import { EXIT_FAILED, Failure } from './failure.ts';
import { findImage } from './known-images.ts';
import { printJson, say } from './print.ts';
import { startProgress } from './progress.ts';
import type { Run, Tools } from './verb.ts';

const FOLLOW_MS = 200;

/** Asks the builder for a new build; with --wait, follows its log where it can be read, until it is ready or has failed. */
export const run: Run = async (tools, { args, options }) => {
  const [name = ''] = args;
  const opening = tools.openStore();
  opening.catch(() => undefined); // Told when its turn comes.
  const image = await findImage(tools, name);
  if (image.pause) throw new Failure(`Skipping build request for image ${name}; paused`);
  const store = await opening;
  const before = new Set((await store.builds.list()).filter(isOver).map(({ id }) => id));
  await requestBuild(store, name);
  const paused = (await store.imagePauses.get(name)) !== undefined;
  if (!options.wait) {
    if (paused) say(tools, `${name} is paused: the request waits for nodepool image-unpause ${name}`);
    return 0;
  }
  if (paused) throw new Failure(`${name} is paused; the request waits for nodepool image-unpause ${name}`);
  return await waitForBuild(tools, store, name, before);
};

const isOver = ({ value }: Entry<ImageBuild>) => value.state !== 'building';

async function waitForBuild(
  tools: Tools,
  store: Store,
  image: string,
  before: ReadonlySet<string>,
): Promise<number> {
  const progress = startProgress(tools.io);
  const { buildLogDir = '/var/log/nodepool/builds' } = await tools.loadConfig();
  const view = await store.builds.watch();
  let follower: LogFollower | undefined;
  try {
    for (;;) {
      tools.signal.throwIfAborted();
      const builds = [...view.entries.values()].filter(
        ({ id }) => id.startsWith(`${image}/`) && !before.has(id),
      );
      const [build] = builds.sort((a, b) => b.value.stateTimeS - a.value.stateTimeS);
      progress.show(
        build ? `${build.id.replace('/', '-')} is ${build.value.state}` : `${image}: waiting for a builder`,
      );
      if (build) {
        follower ??= createFollower(join(buildLogDir, `${build.id.replace('/', '-')}.log`));
        await follower.copy((text) => {
          progress.stop();
          tools.io.stderr.write(text);
        });
        if (isOver(build)) return report(tools, build);
      }
      await tools.clock.sleep(FOLLOW_MS, tools.signal);
    }
  } catch (error) {
    progress.stop();
    if (tools.signal.aborted) progress.note(`the request for ${image} stays; the builder goes on`);
    throw error;
  } finally {
    progress.stop();
    view.close();
    await follower?.close();
  }
}

function report(tools: Tools, { id, value }: Entry<ImageBuild>): number {
  const { build } = parseBuildId(id);
  const name = id.replace('/', '-');
  if (tools.format === 'json') {
    printJson(tools, { id: name, build, state: value.state, error: value.error, duration: value.durationS });
  } else if (value.state === 'ready') {
    say(tools, `${name} is ready after ${formatSpan(value.durationS ?? 0)}: ${value.formats.join(', ')}`);
  }
  if (value.state === 'ready') return 0;
  if (tools.format !== 'json')
    tools.io.stderr.write(`nodepool: ${name} ${value.state}: ${value.error ?? 'no reason is known'}\n`);
  return EXIT_FAILED;
}

interface LogFollower {
  /** Hands on what is new. */
  copy(write: (text: Buffer) => void): Promise<void>;
  close(): Promise<void>;
}

/** A log on another machine cannot be followed: then there is nothing to copy. */
function createFollower(file: string): LogFollower {
  let handle: FileHandle | undefined;
  return {
    async copy(write) {
      handle ??= await open(file, 'r').catch(() => undefined);
      if (!handle) return;
      const part = Buffer.alloc(65_536);
      for (;;) {
        const { bytesRead } = await handle.read(part, 0, part.length, null);
        if (bytesRead === 0) return;
        write(Buffer.from(part.subarray(0, bytesRead)));
      }
    },
    close: async () => handle?.close(),
  };
}
