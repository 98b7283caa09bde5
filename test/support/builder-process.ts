/** nodepool-builder as a process, to be killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { tempDir } from './temp.ts';

const TSX = import.meta.resolve('tsx');
const fileOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const FROM_SOURCES = ['--import', TSX, fileOf('src/bin/nodepool-builder.ts')];
const BUILT = [fileOf('dist/bin/nodepool-builder.js')];

/** Directories for a builder, all below one. */
export interface BuilderPlace {
  dir: string;
  images: string;
  config: string;
  /** Writes nodepool.yaml: keys of the one diskimage, and those of the top level. */
  configure(diskimage: Record<string, unknown>, top?: Record<string, unknown>): void;
  configureAll(diskimages: readonly Record<string, unknown>[], top?: Record<string, unknown>): void;
  /** All build logs in one text. */
  log(): string;
  workDirs(): string[];
}

export function makeBuilderPlace(t: Test): BuilderPlace {
  const dir = tempDir(t);
  const images = join(dir, 'images');
  const config = join(dir, 'nodepool.yaml');
  mkdirSync(images);
  const configureAll: BuilderPlace['configureAll'] = (diskimages, top = {}) => {
    const directories = {
      'state-dir': join(dir, 'state'),
      'images-dir': images,
      'build-log-dir': join(dir, 'logs'),
    };
    writeFileSync(config, JSON.stringify({ ...directories, ...top, diskimages }));
  };
  return {
    dir,
    images,
    config,
    configure: (diskimage, top) => configureAll([diskimage], top),
    configureAll,
    log() {
      try {
        return readdirSync(join(dir, 'logs'))
          .map((name) => readFileSync(join(dir, 'logs', name), 'utf8'))
          .join('');
      } catch {
        return '';
      }
    },
    workDirs: () => readdirSync(dir).filter((name) => /^dib_(build|image)\./.test(name)),
  };
}

/** Ended with SIGTERM at the end of the test, if it still runs then. `built`: the program as it is shipped. */
export function startBuilderProcess(t: Test, { config, dir }: BuilderPlace, { built = false } = {}) {
  const child = spawn(
    process.execPath,
    [...(built ? BUILT : FROM_SOURCES), '--no-webapp', '-f', '-c', config, '--log-file', 'none'],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: dir, TMPDIR: dir } },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (output += part));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return { child, ended, output: () => output };
}

/** Processes that belong to builds into this directory. */
export function buildProcesses(images: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`DIB_IMAGE_FILENAME=${images}/`);
    } catch {
      return false;
    }
  });
}
