/** The log of one build, and how many are kept. */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { BuildName } from '../model/image.ts';
import type { Mask } from './mask.ts';
import { logName, parseFileName } from './names.ts';

export interface BuildLog {
  file: string;
  /** A line of the builder's own. */
  line(text: string): Promise<void>;
  /** Output of the build, as it comes. */
  output(part: Buffer): Promise<void>;
  close(): Promise<void>;
}

/** Others may read it, so everything passes the mask. */
export async function openBuildLog(dir: string, name: BuildName, mask: Mask): Promise<BuildLog> {
  await mkdir(dir, { recursive: true });
  const file = join(dir, logName(name));
  const handle = await open(file, 'a', 0o644);
  let atLineStart = true;
  const write = async (part: Buffer) => {
    if (part.length === 0) return;
    atLineStart = part.at(-1) === 10;
    await handle.appendFile(part);
  };
  return {
    file,
    output: (part) => write(mask.push(part)),
    async line(text) {
      await write(mask.end());
      const masked = Buffer.concat([mask.push(Buffer.from(`${text}\n`)), mask.end()]);
      await write(Buffer.concat([Buffer.from(atLineStart ? '' : '\n'), masked]));
    },
    async close() {
      await handle.close();
    },
  };
}

/** Removes the oldest logs of an image so that `retention` stay; nothing else in the directory is touched. Negative keeps all. */
export async function pruneLogs(dir: string, image: string, retention: number): Promise<void> {
  if (retention < 0) return;
  const names = await readdir(dir).catch(() => [] as string[]);
  const own = names.filter((name) => {
    const parsed = parseFileName(name);
    return parsed?.image === image && parsed.extension === 'log';
  });
  const aged = await Promise.all(
    own.map(async (name) => ({
      name,
      ms: (await stat(join(dir, name)).catch(() => undefined))?.mtimeMs ?? 0,
    })),
  );
  aged.sort((a, b) => b.ms - a.ms);
  for (const { name } of aged.slice(Math.max(retention, 1))) await rm(join(dir, name), { force: true });
}

/** Lines of shell tracing say what is done, not what went wrong. */
const TRACE = /^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \| )?\++ /;
/** Lines of the builder itself. */
const OWN = /^(?:Command|Elements|Builder|Duration|Exit code): /;
const STAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \| /;
const TROUBLE =
  /error|exception|fail|not found|no such|no space|no source|denied|cannot|missing|unable|invalid|duplicate|refused/i;
/** Programs that say so plainly. */
const CERTAIN =
  /^(?:E:|error:|fatal:|nodepool:|\S*(?:Error|Exception):)|Element '.*' not found|No space left on device/i;
/**
 * Every call of sudo says the first on a host without a name of its own, apt the second in each image, and cleaning up ends with the
 * others: no harm.
 */
const NOISE =
  /^(?:sudo: unable to resolve host|E: Can not write log \(Is \/dev\/pts mounted\?\)|(?:DEBUG|INFO) diskimage_builder\.)/;

/** diskimage-builder runs what needs root so; the message of a command that fails is only here. */
const AS_ROOT = /^DEBUG \S+ \[-\] exec_sudo: (.+) exec_sudo \S+$/;
const AS_ROOT_FAILED = 'BlockDeviceSetupException: exec_sudo failed';

/** What went wrong, in one line of the log: the first that says so plainly, else the last that speaks of trouble. */
export async function findReason(file: string): Promise<string | undefined> {
  let certain: string | undefined;
  let trouble: string | undefined;
  let last: string | undefined;
  let asRoot: string | undefined;
  let inTraceback = false;
  for await (const line of linesOf(file)) {
    if (TRACE.test(line)) continue;
    const printed = line.replace(STAMP, '');
    const text = printed.trim();
    asRoot = AS_ROOT.exec(text)?.[1] ?? asRoot;
    if (text === '' || NOISE.test(text) || OWN.test(text)) continue;
    // Python shows lines of its own source, which only look like messages; the message is not indented.
    inTraceback =
      text.startsWith('Traceback (most recent call last)') || (inTraceback && /^\s/.test(printed));
    if (inTraceback) continue;
    if (text.endsWith(AS_ROOT_FAILED)) {
      certain ??= asRoot;
      continue;
    }
    last = text;
    if (CERTAIN.test(text)) certain ??= text;
    if (TROUBLE.test(text)) trouble = text;
  }
  return (certain ?? trouble ?? last)?.slice(0, 300);
}

const WORK_DIR = /\/(?:[\w.@-]+\/)*dib_(?:build|image)\.\w{6,}/g;

/** The temporary directories that diskimage-builder names in its output: `/tmp/dib_build.AbCd1234`. */
export async function findWorkDirs(file: string): Promise<string[]> {
  const found = new Set<string>();
  for await (const line of linesOf(file)) for (const [path] of line.matchAll(WORK_DIR)) found.add(path);
  return [...found];
}

/** Nothing where there is no such file. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const stream = createReadStream(file, 'latin1');
  const opened = new Promise<boolean>((resolve) => {
    stream.once('open', () => resolve(true));
    stream.once('error', () => resolve(false));
  });
  if (!(await opened)) return;
  yield* createInterface({ input: stream, crlfDelay: Infinity });
}
