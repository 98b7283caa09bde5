/** One build, from its record to its record. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { nowS } from '../clock.ts';
import type { DiskImage } from '../config/config.ts';
import { BuildError, NotFoundError, reasonOf } from '../errors.ts';
import { buildId, makeBuild, type BuildName, type ImageBuild } from '../model/image.ts';
import type { HeldMutex } from '../store/store.ts';
import { findReason, openBuildLog, pruneLogs, type BuildLog } from './build-log.ts';
import { buildsOf, DEFAULT_BUILD_LOG_DIR, type Context } from './context.ts';
import { dibCommand, dibEnvironment, digestDefinition } from './dib-command.ts';
import { newestFailed, type BuildReason } from './due.ts';
import { removeFiles, writeBlockSums } from './files.ts';
import { forgetRunning, noteRunning } from './journal.ts';
import { releaseLeftovers } from './leftovers.ts';
import { createMask } from './mask.ts';
import { basePath } from './names.ts';
import { runDib, type DibResult } from './run-dib.ts';

/** How long a build that is ended may take to clean up after itself. */
const PATIENCE_MS = 10_000;

export interface BuildPlan {
  image: DiskImage;
  formats: readonly string[];
  reason: BuildReason;
  held: HeldMutex;
}

/** Builds an image under its lock. The outcome is in the record; throws only when the store fails. */
export async function buildImage(
  context: Context,
  { image, formats, reason, held }: BuildPlan,
): Promise<void> {
  const { store, clock, builderId, hostname } = context;
  const name = { image: image.name, build: randomUUID().replaceAll('-', '') };
  const id = buildId(name.image, name.build);
  const log = context.log.child({ image: name.image, build: name.build });
  const failures = newestFailed(buildsOf(context.images, image.name))?.value.failures ?? 0;
  const definition = digestDefinition(image);
  const startS = nowS(clock);
  context.building.add(id);
  try {
    const begun = { builder: hostname, builderId, formats: [...formats], definition };
    await store.builds.create(makeBuild({ state: 'building', stateTimeS: startS, ...begun }), { id });
    log.info('build started', { reason, formats: formats.join(',') });
    const outcome = await attempt(context, { name, image, formats, held });
    const change: Partial<ImageBuild> = {
      username: image.username,
      pythonPath: image.pythonPath,
      shellType: image.shellType,
      stateTimeS: nowS(clock),
      durationS: Math.round((nowS(clock) - startS) * 10) / 10,
      exitCode: outcome.exitCode ?? null,
    };
    if (outcome.error === undefined) {
      // Ready, and which request that answers, in one write: whatever ends this process, the request is neither lost nor built twice.
      const request = await store.buildRequests.get(image.name);
      await finish(context, name, { ...change, state: 'ready', answers: request?.version ?? null });
      log.info('build ready', { seconds: change.durationS });
      if (request) await store.buildRequests.removeUnchanged(request);
    } else if (outcome.stopped) {
      await finish(context, name, { ...change, state: 'deleting', error: outcome.error });
      log.info('build ended', { why: outcome.error });
    } else {
      await finish(context, name, {
        ...change,
        state: 'failed',
        error: outcome.error,
        failures: failures + 1,
        formats: [],
      });
      log.warning('build failed', { error: outcome.error, seconds: change.durationS });
    }
  } finally {
    context.building.delete(id);
  }
}

interface Outcome {
  /** Undefined: the image is there. */
  error?: string;
  exitCode?: number;
  /** It was the builder that ended it: no failure of the image. */
  stopped?: boolean;
}

async function attempt(
  context: Context,
  { name, image, formats, held }: { name: BuildName } & Omit<BuildPlan, 'reason'>,
): Promise<Outcome> {
  const { imagesDir = '' } = context.config();
  try {
    return { exitCode: await build(context, { name, image, formats, lost: held.lost }) };
  } catch (error) {
    await removeFiles(imagesDir, name).catch(() => undefined);
    const exitCode = error instanceof BuildError ? error.exitCode : undefined;
    const stopped = held.lost.aborted || context.aborted.aborted;
    return { error: reasonOf(error), stopped, ...(exitCode === undefined ? {} : { exitCode }) };
  }
}

/** Resolves with the exit code 0; throws BuildError for any other end. */
async function build(
  context: Context,
  {
    name,
    image,
    formats,
    lost,
  }: { name: BuildName; image: DiskImage; formats: readonly string[]; lost: AbortSignal },
): Promise<number> {
  const { clock } = context;
  const {
    imagesDir = '',
    elementsDir,
    buildLogDir = DEFAULT_BUILD_LOG_DIR,
    buildLogRetention,
  } = context.config();
  const base = basePath(imagesDir, name);
  const mask = createMask(image.secretEnvVars.map((key) => image.envVars[key] ?? ''));
  await pruneLogs(buildLogDir, image.name, buildLogRetention);
  const log = await openBuildLog(buildLogDir, name, mask);
  const startMs = clock.nowMs();
  const signal = AbortSignal.any([context.aborted, lost]);
  let result: DibResult | undefined;
  try {
    const command = dibCommand(image, { formats, base });
    await log.line(`Command: ${command.join(' ')}`);
    await log.line(`Elements: ${image.elements.join(' ')}`);
    await log.line(`Builder: ${context.hostname}`);
    await checkElementsPath(image.envVars['ELEMENTS_PATH'] ?? elementsDir);
    await noteRunning(imagesDir, { ...name, base, logFile: log.file });
    result = await runInTime(context, {
      command,
      env: dibEnvironment(image, { base, elementsDir, env: context.env }),
      log,
      base,
      timeoutMs: image.buildTimeoutS * 1000,
      signal,
    });
    await log.line(`Duration: ${((clock.nowMs() - startMs) / 1000).toFixed(1)} s`);
    if (result.ended === 'timeout') await log.line(`Ended after build-timeout, ${image.buildTimeoutS} s`);
    else if (result.ended === 'stopped') await log.line(`Ended: ${reasonOf(signal.reason)}`);
    else await log.line(`Exit code: ${result.exitCode ?? 1}`);
  } catch (error) {
    await log.line(`Error: ${reasonOf(error)}`).catch(() => undefined);
    throw error;
  } finally {
    await log.close();
    // A program that ended by itself has been cleaned up after, when its last line was in the log.
    if (result === undefined || result.ended !== undefined)
      await releaseLeftovers({ base, logFile: log.file, patienceMs: 0 }, context);
    await forgetRunning(imagesDir, name);
  }
  const exitCode = await judge(result, { image, formats, base, log, stopped: signal.reason });
  for (const format of formats) await writeBlockSums(`${base}.${format}`, signal);
  return exitCode;
}

async function runInTime(
  context: Context,
  run: {
    command: string[];
    env: NodeJS.ProcessEnv;
    log: BuildLog;
    base: string;
    timeoutMs: number;
    signal: AbortSignal;
  },
): Promise<DibResult> {
  const { clock } = context;
  let leader: number | undefined;
  let ending: Promise<void> | undefined;
  return await runDib({
    ...run,
    clock,
    onStart: (group) => (leader = group),
    end: () =>
      (ending ??= releaseLeftovers(
        {
          base: run.base,
          logFile: run.log.file,
          patienceMs: PATIENCE_MS,
          ...(leader === undefined ? {} : { leader }),
        },
        context,
      )),
  });
}

async function judge(
  { exitCode, ended }: DibResult,
  run: { image: DiskImage; formats: readonly string[]; base: string; log: BuildLog; stopped: unknown },
): Promise<number> {
  const { image, formats, base, log } = run;
  const fail = (message: string) => {
    throw new BuildError(message, { logFile: log.file, ...(exitCode === undefined ? {} : { exitCode }) });
  };
  if (ended === 'timeout') fail(`took longer than build-timeout, ${image.buildTimeoutS} s`);
  if (ended === 'stopped') fail(`ended: ${reasonOf(run.stopped)}`);
  if (exitCode !== 0) {
    fail(`exit code ${exitCode ?? 'unknown'}: ${(await findReason(log.file)) ?? 'it printed nothing'}`);
  }
  for (const format of formats) {
    const file = `${base}.${format}`;
    if ((await stat(file).catch(() => undefined)) === undefined) fail(`exit code 0, but there is no ${file}`);
  }
  return 0;
}

/** diskimage-builder stops at the first of these with a message that names no configuration. */
async function checkElementsPath(path: string | undefined): Promise<void> {
  for (const dir of path?.split(':') ?? []) {
    const found = await stat(dir).catch(() => undefined);
    if (!found?.isDirectory())
      throw new Error(`elements-dir names ${dir === '' ? 'an empty path' : dir}, which is no directory`);
  }
}

/** Writes the last state of a build. Was its record removed meanwhile, its files go too. */
async function finish(context: Context, name: BuildName, change: Partial<ImageBuild>): Promise<void> {
  try {
    await context.store.builds.update(buildId(name.image, name.build), (record) => ({
      ...record,
      ...change,
    }));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    await removeFiles(context.config().imagesDir ?? '', name);
  }
}
