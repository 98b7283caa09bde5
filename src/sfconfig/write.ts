/** Writes what was generated: only what differs, each file in one step, directories first. */
import { access, chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { execa } from 'execa';

export interface OutputFile {
  /** Absolute. */
  path: string;
  content: string;
  /** Permission bits. */
  mode: number;
  /** Its content may not be shown. */
  secret?: boolean;
}

export const PRIVATE_DIR = 0o700;

/** Makes a directory and what is above it; one that exists keeps its mode. */
export async function makeDirectory(path: string, mode = PRIVATE_DIR): Promise<void> {
  await mkdir(path, { recursive: true, mode });
}

/** Those that differ from what is there. */
export async function findChanged(files: readonly OutputFile[]): Promise<OutputFile[]> {
  const isSame = await Promise.all(
    files.map(async ({ path, content }) => (await readIfThere(path)) === content),
  );
  return files.filter((_, index) => !isSame[index]);
}

/** Whoever reads a file meanwhile gets all of the old or all of the new one, also after a crash. */
export async function writeFiles(files: readonly OutputFile[]): Promise<void> {
  for (const { path, content, mode } of files) {
    await makeDirectory(dirname(path));
    const fresh = `${path}.new-${process.pid}`;
    try {
      const handle = await open(fresh, 'w', mode);
      try {
        await handle.writeFile(content);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await chmod(fresh, mode);
      await rename(fresh, path);
    } finally {
      await rm(fresh, { force: true });
    }
  }
}

/** As `diff -u` shows it; of a secret file only that it differs. */
export async function diffOf({ path, content, secret }: OutputFile): Promise<string> {
  const before = await readIfThere(path);
  if (secret) return `${path}: ${before === undefined ? 'would be written' : 'would change'}\n`;
  const left = before === undefined ? '/dev/null' : path;
  const labels = ['--label', before === undefined ? left : path, '--label', path];
  const { stdout, exitCode, stderr } = await execa('diff', ['-u', ...labels, left, '-'], {
    input: content,
    reject: false,
    timeout: 30_000,
  });
  if (exitCode !== 0 && exitCode !== 1) throw new Error(`diff could not compare ${path}: ${stderr}`);
  return stdout === '' ? '' : `${stdout}\n`;
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

export async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
