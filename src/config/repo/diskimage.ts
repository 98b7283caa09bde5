/** What the merge gives to every diskimage. */
import { asMapping } from '../plain.ts';
import { report, type Entry, type Findings } from './findings.ts';

/** Where the builder has room, and what makes builds the same everywhere: not for the operator's files to change. */
const FORCED = {
  TMPDIR: '/var/cache/nodepool/dib_tmp',
  DIB_IMAGE_CACHE: '/var/cache/nodepool/dib_cache',
  DIB_GRUB_TIMEOUT: '0',
  DIB_CHECKSUM: '1',
  REQUESTS_CA_BUNDLE: '',
};

/** Changes the entry's value in place. Numbers and true/false become the texts that a process environment holds. */
export function completeDiskimage(entry: Entry, findings: Findings): void {
  const image = entry.value as Record<string, unknown>;
  // An image with a parent has its parent's user.
  if (image.username === undefined && image.parent === undefined) image.username = 'zuul-worker';
  const given = image['env-vars'];
  const variables = given === undefined ? {} : asMapping(given);
  if (!variables) return report(findings, entry.document, [...entry.path, 'env-vars'], 'a mapping');
  for (const [name, value] of Object.entries(variables)) {
    const text = toText(value);
    if (text !== undefined) variables[name] = text; // what else is wrong the schema tells
  }
  image['env-vars'] = { ...variables, ...FORCED };
}

/** As Python writes it, which is how these files have been read so far: `true` is `True`. */
function toText(value: unknown): string | undefined {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}
