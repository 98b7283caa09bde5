/** What the schema cannot say: images that are there, one of two keys, templates that can be filled in. */
import type { Options, PoolLabel, ProviderConfig } from '../config/config.ts';
import type { ReportProblem } from '../driver/driver.ts';
import { entriesOf, readProviderOptions, type ProviderOptions } from './options.ts';
import { templateProblem } from './template.ts';

export function checkOptions(config: ProviderConfig, report: ReportProblem): void {
  const images = readProviderOptions(config);
  checkImages(config.options, report);
  checkFormats(config.options, report);
  [...config.pools.values()].forEach((pool, p) =>
    [...pool.labels.values()].forEach((label, l) =>
      checkLabel(label, images, `pools[${p}].labels[${l}]`, report),
    ),
  );
}

function checkImages(options: Options, report: ReportProblem): void {
  for (const key of ['diskimages', 'cloud-images']) {
    const seen = new Set<unknown>();
    entriesOf(options[key]).forEach((image, index) => {
      const at = `${key}[${index}]`;
      if (seen.has(image['name']))
        report(`${at}.name`, 'a name that does not occur twice', quote(image['name']));
      seen.add(image['name']);
      if (image['image-id'] !== undefined && image['image-name'] !== undefined)
        report(at, 'either "image-id" or "image-name"', 'both');
    });
  }
}

function checkFormats(options: Options, report: ReportProblem): void {
  const imageNameFormat = (options['image-name-format'] as string | undefined) ?? '';
  const hostnameFormat = options['hostname-format'] as string | undefined;
  const known = ['image_name', 'timestamp', 'upload_id', 'build_id'];
  const problem = templateProblem(imageNameFormat, (name) => known.includes(name));
  if (problem !== undefined) report('image-name-format', `placeholders of {${known.join('}, {')}}`, problem);
  if (hostnameFormat === undefined) return;
  const objects = /^(label|provider|node)\.(name|id|region_name)$/;
  const wrong = templateProblem(hostnameFormat, (name) => objects.test(name));
  if (wrong !== undefined)
    report('hostname-format', 'placeholders of {label.name}, {provider.name}, {node.id}', wrong);
}

function checkLabel(
  { options }: PoolLabel,
  { cloudImages }: ProviderOptions,
  at: string,
  report: ReportProblem,
): void {
  const [disk, cloud] = [options['diskimage'], options['cloud-image']] as (string | undefined)[];
  if (disk !== undefined && cloud !== undefined) report(at, 'either "diskimage" or "cloud-image"', 'both');
  if (disk === undefined && cloud === undefined)
    report(at, 'one of "diskimage" and "cloud-image"', 'neither');
  if (cloud !== undefined && !cloudImages.has(cloud))
    report(`${at}.cloud-image`, `a cloud-image of this provider (${namesOf(cloudImages)})`, quote(cloud));
  if (!((options['min-ram'] as number | undefined) ?? 0) && options['flavor-name'] === undefined)
    report(at, 'at least one of "min-ram" and "flavor-name"', 'neither');
}

function namesOf(images: ReadonlyMap<string, unknown>): string {
  return [...images.keys()].join(', ') || 'none';
}

function quote(value: unknown): string {
  return JSON.stringify(value);
}
