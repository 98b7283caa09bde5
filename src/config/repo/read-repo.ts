/** The files of a config repository that become nodepool.yaml. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from '../../errors.ts';
import { parse, type Document } from '../document.ts';
import { makeSource, readSource } from '../source.ts';
import type { Warning } from '../warnings.ts';

/** Made by sfconfig and put beside the operator's files on every host; never committed. */
export const BASE_FILE = '_nodepool.yaml';

export interface RepoFiles {
  /** Where the state is kept, directories, ports: what the operator's files do not decide. */
  base: Document;
  /** In the order of their names, so that the order in the directory means nothing. */
  files: readonly Document[];
  problems: readonly Problem[];
  warnings: readonly Warning[];
}

/**
 * Reads `DIR/nodepool/*.yaml` and `*.yml`, not recursively. Never throws: what cannot be read is in `problems`. The base
 * is another file when it is given, else `_nodepool.yaml` among them, else empty.
 */
export async function readRepo(dir: string, basePath?: string): Promise<RepoFiles> {
  const folder = join(dir, 'nodepool');
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => error);
  if (names instanceof Error) {
    return { base: emptyBase(folder), files: [], problems: [noFolder(folder, names)], warnings: [] };
  }
  const merged = names.filter((name) => isMerged(name) && name !== BASE_FILE).sort();
  const hasBase = basePath !== undefined || names.includes(BASE_FILE);
  const baseFile = basePath ?? join(folder, BASE_FILE);
  const [base, ...files] = await Promise.all([
    hasBase ? open(baseFile) : emptyBase(folder),
    ...merged.map((name) => open(join(folder, name))),
  ]);
  return {
    base,
    files,
    problems: [base, ...files].flatMap(({ problems }) => problems),
    warnings: names.filter(isAlmostMerged).map((name) => ({
      file: join(folder, name),
      message: 'this file is ignored: its name does not end in .yaml or .yml',
    })),
  };
}

function isMerged(name: string): boolean {
  return /\.ya?ml$/.test(name) && !name.startsWith('.');
}

/** `provider.YAML`, `provider.yaml.bak`: somebody may think that it counts. */
function isAlmostMerged(name: string): boolean {
  return /\.ya?ml\b/i.test(name) && !isMerged(name) && !name.startsWith('.');
}

/** Variables stay as they are: the daemons put them in, each its own. */
async function open(file: string): Promise<Document> {
  const read = await readSource(file, {});
  if (!('problem' in read)) return parse(read.source);
  const unread = parse(makeSource(file, '', {}));
  return { ...unread, value: undefined, problems: [read.problem] };
}

function emptyBase(folder: string): Document {
  return parse(makeSource(join(folder, BASE_FILE), '{}', {}));
}

function noFolder(folder: string, { code, message }: NodeJS.ErrnoException): Problem {
  const found = code === 'ENOENT' ? 'no such directory' : message;
  return { file: folder, path: '', expected: 'the directory "nodepool" of a config repository', found };
}
