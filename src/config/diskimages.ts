/** Top-level diskimages: inheritance through `parent`, and what the secure file adds. */
import type { DiskImage } from './config.ts';
import { asMapping, mappingsOf } from './plain.ts';
import type { Report } from './validate.ts';
import { didYouMean, quote } from './words.ts';

type Section = Readonly<Record<string, unknown>>;

/** Reports parents that do not exist and images that descend from themselves. */
export function checkParents(section: unknown, report: Report): void {
  const images = new Map(mappingsOf(section).map(([, image]) => [image.name, image]));
  for (const [index, image] of mappingsOf(section)) {
    if (typeof image.parent !== 'string') continue;
    const path = ['diskimages', index, 'parent'];
    const ancestors = ancestorsOf(image, images);
    if (!images.has(image.parent)) {
      const known = [...images.keys()].filter((name) => typeof name === 'string');
      report(
        path,
        'the name of another diskimage',
        `${quote(image.parent)}${didYouMean(image.parent, known)}`,
      );
    } else if (ancestors.includes(image)) {
      const loop = [image, ...ancestors].map(({ name }) => name).join(' → ');
      report(path, 'a parent that does not descend from this image', loop);
    }
  }
}

/** Nearest first; ends with the image itself when it is its own ancestor. */
function ancestorsOf(image: Section, images: ReadonlyMap<unknown, Section>): Section[] {
  const ancestors: Section[] = [];
  let next = images.get(image.parent);
  while (next && !ancestors.includes(next)) {
    ancestors.push(next);
    if (next === image) break;
    next = images.get(next.parent);
  }
  return ancestors;
}

/** Reports images that a provider lists, but that nobody describes. */
export function checkImageUse(main: Section, report: Report): void {
  const known = concreteImageNames(main['diskimages']);
  for (const [p, provider] of mappingsOf(main['providers'])) {
    for (const [d, { name }] of mappingsOf(provider['diskimages'])) {
      if (typeof name !== 'string' || known.has(name)) continue;
      const path = ['providers', p, 'diskimages', d, 'name'];
      report(
        path,
        'the name of a diskimage (not an abstract one)',
        `${quote(name)}${didYouMean(name, known)}`,
      );
    }
  }
}

/** From a checked section; abstract images are templates only and left out. */
export function buildDiskimages(
  section: unknown,
  secretEnvVars: ReadonlyMap<string, Readonly<Record<string, string>>>,
): Map<string, DiskImage> {
  const images = new Map(mappingsOf(section).map(([, image]) => [image.name, image]));
  const built = new Map<string, DiskImage>();
  for (const image of images.values()) {
    if (image.abstract === true) continue;
    const lineage = [...ancestorsOf(image, images).reverse(), image];
    const result = lineage.reduce(inherit, defaultsFor(image.name as string));
    const secrets = secretEnvVars.get(result.name) ?? {};
    built.set(result.name, {
      ...result,
      envVars: { ...result.envVars, ...secrets },
      secretEnvVars: Object.keys(secrets),
    });
  }
  return built;
}

function defaultsFor(name: string): DiskImage {
  return {
    name,
    elements: [],
    dibCmd: 'disk-image-create',
    formats: [],
    release: '',
    rebuildAgeS: 86_400,
    buildTimeoutS: 28_800,
    envVars: {},
    secretEnvVars: [],
    pause: false,
    username: 'zuul',
    pythonPath: 'auto',
    shellType: null,
    metadata: {},
    deleteAfterUpload: false,
    keepFormats: [],
  };
}

/** Elements add up, environment variables too; every other key that is present replaces what was inherited. */
function inherit(from: DiskImage, own: Section): DiskImage {
  const value = <T>(key: string, inherited: T): T => (own[key] === undefined ? inherited : (own[key] as T));
  return {
    name: from.name,
    elements: [...from.elements, ...value<readonly string[]>('elements', [])],
    dibCmd: value('dib-cmd', from.dibCmd),
    formats: value('formats', from.formats),
    release: String(value<string | number>('release', from.release)),
    rebuildAgeS: value('rebuild-age', from.rebuildAgeS),
    buildTimeoutS: value('build-timeout', from.buildTimeoutS),
    envVars: { ...from.envVars, ...value('env-vars', {}) },
    secretEnvVars: from.secretEnvVars,
    pause: value('pause', from.pause),
    username: value('username', from.username),
    pythonPath: value('python-path', from.pythonPath),
    shellType: value('shell-type', from.shellType),
    metadata: own.metadata === undefined ? from.metadata : asTexts(own.metadata),
    deleteAfterUpload: value('delete-after-upload', from.deleteAfterUpload),
    keepFormats: value('keep-formats', from.keepFormats),
  };
}

function asTexts(values: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(values as object).map(([key, value]) => [key, String(value)]));
}

/** Images that exist for builds: by name, without templates. */
export function concreteImageNames(section: unknown): Set<string> {
  const concrete = mappingsOf(section).filter(([, image]) => image.abstract !== true);
  return new Set(concrete.map(([, image]) => image.name).filter((name) => typeof name === 'string'));
}

/**
 * The environment variables that the secure file gives to images. Scalars are taken as the file has them: a password
 * of digits is a password.
 */
export function readSecretEnvVars(
  secure: unknown,
  imageNames: ReadonlySet<string>,
  textAt: (path: readonly (string | number)[]) => string | undefined,
  report: Report,
): Map<string, Record<string, string>> {
  const secrets = new Map<string, Record<string, string>>();
  for (const [index, image] of mappingsOf(asMapping(secure)?.diskimages)) {
    const { name } = image;
    if (typeof name !== 'string') continue;
    const path = ['diskimages', index, 'name'];
    if (!imageNames.has(name)) {
      report(
        path,
        'a diskimage of the main file (not an abstract one)',
        `${quote(name)}${didYouMean(name, imageNames)}`,
      );
    }
    const envVars = secrets.get(name) ?? {};
    for (const [key, value] of Object.entries(asMapping(image['env-vars']) ?? {})) {
      const where = ['diskimages', index, 'env-vars', key];
      const text = value === null ? undefined : textAt(where);
      if (text === undefined) report(where, 'a string');
      else envVars[key] = text;
    }
    secrets.set(name, envVars);
  }
  return secrets;
}
