/** The keys that a builder sends to statsd, as dashboards made for older versions expect them. */
import type { BuildOutcome, ImageWork, UploadOutcome } from './image-work.ts';
import type { Statsd } from './statsd.ts';

/** The end of a build; `sizes` are those of its files, in bytes. */
export function sendBuild(
  statsd: Statsd,
  { image, result, exitCode, durationS, endedS }: BuildOutcome,
  sizes: readonly (readonly [format: string, bytes: number])[],
): void {
  const prefix = `nodepool.dib_image_build.${image}`;
  if (result === 'ready')
    for (const [format, bytes] of sizes) statsd.gauge(`${prefix}.${format}.size`, bytes);
  statsd.timing(`${prefix}.status.duration`, durationS * 1000);
  statsd.gauge(`${prefix}.status.rc`, exitCode);
  statsd.gauge(`${prefix}.status.last_build`, Math.trunc(endedS));
}

/** Uploads that have failed were never sent. */
export function sendUpload(statsd: Statsd, { image, provider, result, durationS }: UploadOutcome): void {
  if (result !== 'ready') return;
  const key = `nodepool.image_update.${image}.${provider}`;
  statsd.timing(key, durationS * 1000);
  statsd.count(key);
}

const BUILD_STATES = { idle: 0, building: 1, paused: 3 } as const;
const UPLOAD_STATES = { idle: 0, uploading: 2, paused: 3 } as const;

export function sendWork(statsd: Statsd, hostname: string, work: readonly ImageWork[]): void {
  const requested = work.filter((image) => image.requested).length;
  statsd.gauge('nodepool.image_build_requests', requested);
  for (const { image, requested, build, uploads } of work) {
    const prefix = `nodepool.builder.${hostname}.image.${image}`;
    statsd.gauge(`nodepool.image.${image}.image_build_requests`, Number(requested));
    statsd.gauge(`${prefix}.build.state`, BUILD_STATES[build]);
    for (const { provider, state } of uploads)
      statsd.gauge(`${prefix}.provider.${provider}.upload.state`, UPLOAD_STATES[state]);
  }
}
