/** Notices changes of the configuration files and loads them again. */
import { createHash } from 'node:crypto';
import { watch, type FSWatcher } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { systemClock, type Clock } from '../clock.ts';

export interface WatchOptions<T> {
  load: () => Promise<T>;
  /** The main file and, where there is one, the secure file. */
  paths: readonly string[];
  /** How often to look although the kernel reported nothing. */
  intervalMs?: number;
  /** Called once per distinct content that loads; the next load waits for what it returns. */
  onConfig: (config: T) => void | Promise<void>;
  /** Called once per distinct content that does not load; the previous configuration simply stays in use. */
  onError: (error: unknown) => void;
  signal: AbortSignal;
  /** From `contentOf` before the configuration in use was loaded, so that no change in between is missed. */
  seen?: string;
  clock?: Clock;
}

/** Editors and deployment tools write in several steps; files are read when nothing has changed for this long … */
const QUIET_MS = 200;
/** … or, if they never keep quiet or a file stays away, after this long. */
const PATIENCE_MS = 1400;
const INTERVAL_MS = 1000;

/** Resolves once changes are being watched; ends with the signal. Does not keep the process alive. */
export async function watchConfig<T>(options: WatchOptions<T>): Promise<void> {
  const { load, paths, intervalMs = INTERVAL_MS, onConfig, onError, signal, clock = systemClock } = options;
  let handledStamp = options.seen === undefined ? await stampOf(paths) : '';
  let handledContent = options.seen ?? (await contentOf(paths));
  let looking = false;
  let again = false;

  async function look(): Promise<void> {
    again = true;
    if (looking) return;
    looking = true;
    try {
      while (again && !signal.aborted) {
        again = false;
        await handleChange();
      }
    } catch (error) {
      if (!signal.aborted) onError(error);
    } finally {
      looking = false;
    }
  }

  async function handleChange(): Promise<void> {
    if ((await stampOf(paths)) === handledStamp) return;
    handledStamp = await waitForQuiet(paths, clock, signal);
    const content = await contentOf(paths);
    if (content === handledContent) return;
    handledContent = content;
    const config = await load();
    if (!signal.aborted) await onConfig(config);
  }

  if (signal.aborted) return;
  const watchers = paths.flatMap((path) => watchFolder(path, look));
  const timer = setInterval(() => void look(), intervalMs);
  timer.unref();
  signal.addEventListener(
    'abort',
    () => {
      clearInterval(timer);
      for (const watcher of watchers) watcher.close();
    },
    { once: true },
  );
  void look();
}

/** What the files contain, as one short text: the same for the same content, whatever their age. */
export async function contentOf(paths: readonly string[]): Promise<string> {
  const parts = await Promise.all(
    paths.map(async (path) => {
      try {
        return createHash('sha256')
          .update(await readFile(path))
          .digest('base64');
      } catch (error) {
        return codeOf(error);
      }
    }),
  );
  return parts.join(' ');
}

/** What the file system says about the files without reading them; follows symbolic links. */
async function stampOf(paths: readonly string[]): Promise<string> {
  const parts = await Promise.all(
    paths.map(async (path) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
        return [dev, ino, size, mtimeNs, ctimeNs].join(':');
      } catch (error) {
        return codeOf(error);
      }
    }),
  );
  return parts.join(' ');
}

async function waitForQuiet(paths: readonly string[], clock: Clock, signal: AbortSignal): Promise<string> {
  const patientUntilMs = clock.nowMs() + PATIENCE_MS;
  let stamp = await stampOf(paths);
  for (;;) {
    await clock.sleep(QUIET_MS, signal);
    const next = await stampOf(paths);
    const quiet = next === stamp && !next.includes('ENOENT');
    if (quiet || clock.nowMs() >= patientUntilMs) return next;
    stamp = next;
  }
}

/**
 * Watches the folder, because a file replaced by a rename is another file. What else happens there, perhaps to a busy log, is
 * no news. The timer sees the rest: what a link points to, and folders that cannot be watched.
 */
function watchFolder(path: string, onEvent: () => Promise<void>): FSWatcher[] {
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_type, name) => {
      if (name === null || name === basename(path)) void onEvent();
    });
    watcher.on('error', () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unreadable';
}
