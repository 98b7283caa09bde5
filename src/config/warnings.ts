/** What is allowed but probably not meant. */
import type { Document } from './document.ts';
import { checkLabelUse } from './labels.ts';
import { asMapping, mappingsOf } from './plain.ts';
import { unsetVariables } from './source.ts';
import { nearest, quote, type Path } from './words.ts';

export interface Warning {
  file: string;
  line?: number;
  message: string;
}

/** `nodepool.yaml:12: labels that no pool here offers: a, b` */
export function formatWarning({ file, line, message }: Warning): string {
  return `${line === undefined ? file : `${file}:${line}`}: ${message}`;
}

const MOST_NAMES = 10;
const SECURE_KEYS = ['zookeeper-servers', 'zookeeper-tls', 'diskimages'];
const READABLE_BY_OTHERS = 0o004;

/** For files without mistakes. */
export function warnAbout(main: Document, secure?: { document?: Document; mode: number }): Warning[] {
  const warnings = [...warnAboutMain(main), ...warnOfUnset(main)];
  if (!secure?.document) return warnings;

  const { document, mode } = secure;
  const { file } = document.source;
  if (mode & READABLE_BY_OTHERS) {
    const octal = (mode & 0o777).toString(8).padStart(4, '0');
    warnings.push({ file, message: `everybody can read this file (mode ${octal}); chmod 0640 it` });
  }
  for (const key of Object.keys(asMapping(document.value) ?? {}).filter(
    (name) => !SECURE_KEYS.includes(name),
  )) {
    const meant = nearest(key, SECURE_KEYS);
    if (meant) warnings.push(at(document, [key], `${quote(key)} means nothing here; ${quote(meant)} does`));
  }
  return [...warnings, ...warnOfUnset(document)];
}

/** About the main file alone, whatever its variables are. */
export function* warnAboutMain(main: Document): Generator<Warning> {
  const value = asMapping(main.value) ?? {};
  const unused = checkLabelUse(value, () => undefined);
  if (unused[0]) {
    const names = unused.slice(0, MOST_NAMES).map(({ name }) => name);
    const more = unused.length > MOST_NAMES ? ` and ${unused.length - MOST_NAMES} more` : '';
    yield at(main, unused[0].path, `labels that no pool here offers: ${names.join(', ')}${more}`);
  }
  for (const [index, provider] of mappingsOf(value.providers)) {
    if (provider['launcher-host'] === undefined) continue;
    const path = ['providers', index, 'launcher-host'];
    yield at(main, path, '"launcher-host" is for the merge of the config repository and ignored here');
  }
  yield* warnOfBases(main, value);
  for (const [index, tenant] of mappingsOf(value['tenant-resource-limits'])) {
    for (const key of Object.keys(tenant).filter(
      (name) => name.startsWith('max') && !TENANT_KEYS.includes(name),
    )) {
      const meant = nearest(key, TENANT_KEYS);
      if (!meant) continue;
      const path = ['tenant-resource-limits', index, key];
      yield at(main, path, `${quote(key)} limits a resource of that name; ${quote(meant)} is probably meant`);
    }
  }
}

/** Elements of diskimage-builder that make nothing by themselves: their images come from whoever has a subscription. */
const NEEDS_BASE = ['rhel', 'rhel7'];
const BASE_KEYS = ['DIB_LOCAL_IMAGE', 'DIB_CLOUD_IMAGES'];

function* warnOfBases(main: Document, { diskimages }: Record<string, unknown>): Generator<Warning> {
  const images = mappingsOf(diskimages);
  const byName = new Map(images.map(([, image]) => [image['name'], image]));
  for (const [index, image] of images) {
    const line = [...ancestry(image, byName)];
    if (image['abstract'] === true) continue;
    const elements = line.flatMap(({ elements }) => (Array.isArray(elements) ? (elements as unknown[]) : []));
    const element = NEEDS_BASE.find((name) => elements.includes(name));
    const isGiven = line.some((one) => BASE_KEYS.some((key) => key in (asMapping(one['env-vars']) ?? {})));
    if (element === undefined || isGiven) continue;
    const path = ['diskimages', index, 'elements'];
    yield at(
      main,
      path,
      `${quote(element)} has no image to begin with: DIB_LOCAL_IMAGE is not among env-vars`,
    );
  }
}

/** An image and those that it is made from by `parent`. */
function* ancestry(
  image: Record<string, unknown>,
  byName: ReadonlyMap<unknown, Record<string, unknown>>,
): Generator<Record<string, unknown>> {
  const seen = new Set<unknown>();
  for (let one: typeof image | undefined = image; one && !seen.has(one); one = byName.get(one['parent'])) {
    seen.add(one);
    yield one;
  }
}

const TENANT_KEYS = ['max-servers', 'max-cores', 'max-ram', 'max-volumes', 'max-volume-gb'];

/** Each variable once, where a value refers to it; references in comments mean nothing. */
function* warnOfUnset(document: Document): Generator<Warning> {
  const told = new Set<string>();
  for (const [path, text] of textsIn(document.value, [])) {
    for (const variable of unsetVariables(text)) {
      if (told.has(variable)) continue;
      told.add(variable);
      yield at(document, path, `the environment variable ${variable} is not set`);
    }
  }
}

function* textsIn(value: unknown, path: Path): Generator<[Path, string]> {
  if (typeof value === 'string') yield [path, value];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value))
    yield* textsIn(inner, [...path, Array.isArray(value) ? Number(key) : key]);
}

function at(document: Document, path: Path, message: string): Warning {
  const line = document.lineOf(path);
  return { file: document.fileOf(path), ...(line === undefined ? {} : { line }), message };
}
