/** Whether an image is to be built now. Pure: decided on what the store says. */
import type { DiskImage } from '../config/config.ts';
import type { ImageBuild, ImageMark } from '../model/image.ts';
import type { Entry } from '../store/store.ts';

export type BuildReason = 'requested' | 'no build' | 'too old' | 'format missing' | 'definition changed';

export interface Facts {
  image: DiskImage;
  /** Its own formats and those that providers need. */
  formats: readonly string[];
  /** Of this image only. */
  builds: readonly Entry<ImageBuild>[];
  request: Entry<ImageMark> | undefined;
  paused: boolean;
  /** This builder: only the one who made a build compares its definition, so that two configurations take no turns. */
  builderId: string;
  definition: string;
  nowS: number;
}

/** `again`: Unix seconds at which the answer may be another one although nothing has changed. */
export type Decision = { build: BuildReason } | { build: undefined; why: string; againS?: number };

const FIRST_PAUSE_S = 30;
const LONGEST_PAUSE_S = 3600;

export function decideBuild(facts: Facts): Decision {
  const { image, formats, request, paused } = facts;
  if (image.pause) return no('paused in the configuration');
  if (paused) return no('paused');
  if (formats.length === 0) return no('no provider lists it and it has no formats');
  const reason = request && !isAnswered(request, facts.builds) ? 'requested' : whyScheduled(facts);
  if (reason === undefined) return no('up to date', nextAgeS(facts));
  const waitUntilS = pauseAfterFailure(facts);
  if (waitUntilS > facts.nowS) return no('waiting after a failure', waitUntilS);
  return { build: reason };
}

/** A build has become ready for this very request: it is over, although its record is still there. */
export function isAnswered(request: Entry<ImageMark>, builds: readonly Entry<ImageBuild>[]): boolean {
  return builds.some(({ value }) => value.answers === request.version);
}

function no(why: string, againS?: number): Decision {
  return { build: undefined, why, ...(againS === undefined ? {} : { againS }) };
}

function whyScheduled(facts: Facts): BuildReason | undefined {
  const newest = newestReady(facts.builds);
  if (newest === undefined) return 'no build';
  const { value } = newest;
  if (facts.nowS - value.stateTimeS >= facts.image.rebuildAgeS) return 'too old';
  if (facts.formats.some((format) => !value.formats.includes(format))) return 'format missing';
  const compares = value.definition !== null && value.builderId === facts.builderId;
  return compares && value.definition !== facts.definition ? 'definition changed' : undefined;
}

function nextAgeS({ builds, image }: Facts): number {
  return (newestReady(builds)?.value.stateTimeS ?? 0) + image.rebuildAgeS;
}

/** Until when nothing is tried; a request that came after the failure, and another definition, are tried at once. */
function pauseAfterFailure({ builds, request, definition }: Facts): number {
  const failed = newestFailed(builds);
  if (failed === undefined) return 0;
  if (request && request.modifiedMs / 1000 > failed.value.stateTimeS) return 0;
  if (failed.value.definition !== null && failed.value.definition !== definition) return 0;
  return failed.value.stateTimeS + pauseS(failed.value.failures ?? 1);
}

/** 30 s after the first failure in a row, twice as long after each further one, at most an hour. */
export function pauseS(failures: number): number {
  return Math.min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (Math.min(failures, 20) - 1));
}

export function newestReady(builds: readonly Entry<ImageBuild>[]): Entry<ImageBuild> | undefined {
  return newest(builds.filter(({ value }) => value.state === 'ready'));
}

/** The last failure, if no build has become ready since. */
export function newestFailed(builds: readonly Entry<ImageBuild>[]): Entry<ImageBuild> | undefined {
  const failed = newest(builds.filter(({ value }) => value.state === 'failed'));
  const ready = newestReady(builds);
  return failed && ready && ready.value.stateTimeS > failed.value.stateTimeS ? undefined : failed;
}

export function newest<T extends { stateTimeS: number }>(entries: readonly Entry<T>[]): Entry<T> | undefined {
  return [...entries].sort((a, b) => b.value.stateTimeS - a.value.stateTimeS)[0];
}
