/**
 * Merges the files of a config repository into one configuration for one host, as Software Factory does, but tells
 * what is wrong with file and line instead of losing it. See docs/config-repository.md.
 */
import type { Problem } from '../../errors.ts';
import type { Document } from '../document.ts';
import { asMapping, mappingsOf } from '../plain.ts';
import type { Warning } from '../warnings.ts';
import { didYouMean, kindOf, quote, type Path } from '../words.ts';
import { completeDiskimage } from './diskimage.ts';
import { addExtraLabels } from './extra-labels.ts';
import { report, warn, type Entry, type Findings } from './findings.ts';
import { createOrigins, mergedDocument, type Origin } from './merged-document.ts';

/** For which host: providers may be bound to one launcher. */
export interface MergeHost {
  /** The short host name, which `launcher-host` of a provider names. */
  hostname: string;
  /** True on every launcher but the first: it serves no provider that is not bound to it. */
  extraLauncher?: boolean;
  /** True where images are built: every provider counts. */
  builder?: boolean;
}

export interface Merge {
  document: Document;
  problems: readonly Problem[];
  warnings: readonly Warning[];
}

type Sections = Record<(typeof LISTS)[number], Entry[]>;

const LISTS = ['labels', 'diskimages', 'providers', 'extra-labels'] as const;
const NAMED = ['labels', 'diskimages', 'providers'] as const;
/** Decided by sfconfig, or gone; files that hold them have always been merged without them. */
const IGNORED = [
  'cron',
  'webapp',
  'zookeeper-servers',
  'zookeeper-tls',
  'zookeeper-timeout',
  'state-dir',
  'elements-dir',
  'images-dir',
  'build-log-dir',
  'build-log-retention',
  'max-hold-age',
  'tenant-resource-limits',
];

/** Never throws; the document is complete only when there are no problems. The files are left as they are. */
export function mergeDocuments(base: Document, files: readonly Document[], host: MergeHost): Merge {
  const findings: Findings = { problems: [], warnings: [] };
  const sections: Sections = { labels: [], diskimages: [], providers: [], 'extra-labels': [] };
  collect(base, sections, findings, { isBase: true });
  for (const file of files) collect(file, sections, findings);
  for (const section of NAMED) reportRepeats(sections[section], findings);
  for (const image of sections.diskimages) completeDiskimage(image, findings);
  const added = addExtraLabels(sections.providers, sections['extra-labels'], findings);
  const providers = sections.providers.filter(({ value }) => isServedBy(value, host));
  for (const { value } of providers) removeMergeKeys(value);

  const origins = createOrigins(base);
  const value: Record<string, unknown> = { ...structuredClone(asMapping(base.value)) };
  for (const [section, entries] of Object.entries({ ...sections, providers })) {
    if (section === 'extra-labels') continue;
    value[section] = entries.map((entry) => entry.value);
    for (const [index, entry] of entries.entries()) {
      origins.set([section, index], entry);
      for (const { inside, origin } of added.get(entry) ?? [])
        origins.set([section, index, ...inside], origin);
    }
  }
  delete value['extra-labels'];
  return { document: mergedDocument(base, value, origins), ...findings };
}

/** Puts the entries of one file's lists behind those of the files before it. */
function collect(file: Document, sections: Sections, findings: Findings, { isBase = false } = {}): void {
  if (file.value === null || file.value === undefined) return; // empty, or not readable, which is told already
  const whole = asMapping(file.value);
  if (!whole) return report(findings, file, [], `a mapping with ${LISTS.join(', ')}`, kindOf(file.value));
  for (const [key, value] of Object.entries(whole)) {
    const section = LISTS.find((name) => name === key);
    if (section) collectList(file, section, value, sections, findings);
    else if (!isBase) judgeOther(file, key, findings);
  }
}

function collectList(
  file: Document,
  section: (typeof LISTS)[number],
  value: unknown,
  sections: Sections,
  findings: Findings,
): void {
  if (!Array.isArray(value)) return report(findings, file, [section], 'a list');
  for (const [index, item] of value.entries()) {
    const entry = { document: file, path: [section, index], value: structuredClone(item as unknown) };
    if (asMapping(item)) sections[section].push(entry);
    else report(findings, file, entry.path, 'a mapping');
  }
}

function judgeOther(file: Document, key: string, findings: Findings): void {
  if (key.startsWith('x-')) return;
  if (!IGNORED.includes(key)) {
    const found = `the unknown key ${quote(key)}${didYouMean(key, LISTS)}`;
    return report(findings, file, [key], `one of the known keys: ${LISTS.join(', ')}`, found);
  }
  warn(findings, file, [key], `${quote(key)} is not for the config repository and ignored here`);
}

/** A name in two files, or twice in one: which of them is meant nobody knows. */
function reportRepeats(entries: readonly Entry[], findings: Findings): void {
  const first = new Map<string, Entry>();
  for (const entry of entries) {
    const name = asMapping(entry.value)?.name;
    if (typeof name !== 'string') continue;
    const earlier = first.get(name);
    if (!earlier) first.set(name, entry);
    else {
      const found = `${quote(name)}, as ${placeOf(earlier)} has it`;
      report(findings, entry.document, [...entry.path, 'name'], 'a name that is used once', found);
    }
  }
}

/** `/root/config/nodepool/a.yaml:12` */
function placeOf({ document, path }: Origin): string {
  const where: Path = [...path, 'name'];
  return `${document.fileOf(where)}:${document.lineOf(where) ?? 1}`;
}

/** Which launcher serves a provider. One without `launcher-host` belongs to the first launcher. */
function isServedBy(provider: unknown, { hostname, extraLauncher, builder }: MergeHost): boolean {
  if (builder) return true;
  const bound = asMapping(provider)?.['launcher-host'] ?? undefined;
  return bound === undefined ? !extraLauncher : bound === hostname;
}

/** `zuul-console-dir` means something to containers only; the other drivers refuse it. */
function removeMergeKeys(provider: unknown): void {
  const section = asMapping(provider) ?? {};
  delete section['launcher-host'];
  if (String(section.driver).toLowerCase() !== 'runc') delete section['zuul-console-dir'];
}

/** The hosts that providers are bound to, each with the place that says so. */
export function launcherHosts(
  files: readonly Document[],
): { name: unknown; document: Document; path: Path }[] {
  return files.flatMap((document) =>
    mappingsOf(asMapping(document.value)?.providers).flatMap(([index, provider]) => {
      const name = provider['launcher-host'] ?? undefined;
      return name === undefined ? [] : [{ name, document, path: ['providers', index, 'launcher-host'] }];
    }),
  );
}
