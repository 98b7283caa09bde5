/** From a config repository to the text of nodepool.yaml, checked. */
import { ConfigError, type Problem } from '../../errors.ts';
import { concreteImageNames } from '../diskimages.ts';
import { checkDocuments } from '../load.ts';
import type { ConfigDriver } from '../providers.ts';
import { warnAboutMain, type Warning } from '../warnings.ts';
import { anyOf, didYouMean, quote } from '../words.ts';
import { dumpYaml } from './dump.ts';
import { launcherHosts, mergeDocuments, type MergeHost } from './merge.ts';
import { readRepo, type RepoFiles } from './read-repo.ts';

export interface RepoOptions {
  /** The repository: the directory in which `nodepool/` is. */
  dir: string;
  /** What sfconfig decides; without it `nodepool/_nodepool.yaml`, where that exists. */
  base?: string | undefined;
  host: MergeHost;
  /** Every driver there is; without them the keys of single drivers are not checked. */
  drivers?: readonly ConfigDriver[] | undefined;
  /** Host names of all launchers; without them `launcher-host` may name any. */
  launchers?: readonly string[] | undefined;
}

export interface MergedConfig {
  /** Of nodepool.yaml. */
  text: string;
  /** Files that were read, the base last. */
  files: readonly string[];
  warnings: readonly Warning[];
  /** How many providers this host serves; a launcher without any need not run. */
  providers: number;
  /** Names of the images that can be built. */
  diskimages: readonly string[];
}

/** Throws ConfigError with every mistake of all files. Reads only: writing is the caller's, when all is well. */
export async function loadConfigRepo(options: RepoOptions): Promise<MergedConfig> {
  const repo = await readRepo(options.dir, options.base);
  const { document, problems: mistakes, warnings } = mergeDocuments(repo.base, repo.files, options.host);
  const problems = [...repo.problems, ...checkLauncherHosts(repo, options.launchers), ...mistakes];
  const text = dumpYaml(document.value); // before the check, which fills in defaults
  const providers = (document.value as { providers: unknown[] }).providers.length;
  // Mistakes of the whole are mostly consequences while a file cannot be read.
  if (repo.problems.length === 0) await checkDocuments(document, undefined, options.drivers, problems);
  if (problems.length > 0) throw new ConfigError(arrange(problems));
  const remarks = options.host.builder ? [...warnAboutMain(document)] : [];
  return {
    text: `${HEADER}${text}`,
    files: [...repo.files, repo.base].map(({ source }) => source.file),
    warnings: [...repo.warnings, ...warnings, ...remarks],
    providers,
    diskimages: [...concreteImageNames((document.value as { diskimages: unknown }).diskimages)],
  };
}

const HEADER = `# Made from the directory nodepool/ of the config repository; changes made here are lost.
`;

function checkLauncherHosts({ files }: RepoFiles, launchers: readonly string[] | undefined): Problem[] {
  if (!launchers) return [];
  return launcherHosts(files).flatMap(({ name, document, path }) => {
    if (typeof name === 'string' && launchers.includes(name)) return [];
    const expected = `the name of a launcher: ${anyOf(launchers)}`;
    const found = typeof name === 'string' ? `${quote(name)}${didYouMean(name, launchers)}` : undefined;
    return [document.problem(path, expected, found)];
  });
}

/** By file and line; a mistake that two checks have found is told once. */
function arrange(problems: readonly Problem[]): Problem[] {
  const unique = new Map<string, Problem>();
  for (const problem of problems) {
    const key = JSON.stringify([problem.file, problem.line, problem.path, problem.expected]);
    if (!unique.has(key)) unique.set(key, problem);
  }
  return [...unique.values()].sort((a, b) =>
    a.file === b.file ? (a.line ?? 0) - (b.line ?? 0) : a.file < b.file ? -1 : 1,
  );
}
