/** How fast an image goes into a directory of this machine, beside a plain copy, and what memory that takes. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeDirectory, makeStandIn, openBuilderPlace } from './builder-place.ts';
import { command } from './command.ts';
import type { BenchOptions } from './main.ts';
import { interleave, median, timeMs } from './measure.ts';
import { peakMB, resetPeak } from './proc.ts';
import { atLeast, atMost, rowsIn, type Row } from './report.ts';

const row = rowsIn('builder');

const IMAGE_BYTES = 2 * 1024 ** 3;
const MOST_MEMORY_MB = 150;

export async function benchUploads(options: BenchOptions): Promise<Row[]> {
  const directory = makeDirectory();
  options.progress('builder, making an image of 2 GiB');
  const image = join(directory, 'big.raw');
  await makeImage(image);
  const standIn = makeStandIn(directory, 'big', image);
  const shelf = join(directory, 'shelf');
  const place = await openBuilderPlace(
    directory,
    {
      diskimages: [{ name: 'big', ...standIn.keys }],
      providers: [
        {
          name: 'shelf',
          driver: 'directory',
          path: shelf,
          'image-format': 'raw',
          diskimages: [{ name: 'big' }],
        },
      ],
    },
    options,
  );
  await place.nextUpload('big');
  await place.settled();
  const [uploads, copies, peaks]: [number[], number[], number[]] = [[], [], []];
  const rounds = options.quick ? 3 : 7;
  const copy = join(directory, 'copy');
  mkdirSync(copy);
  await interleave(rounds, [
    async (round) => {
      options.progress(`builder, upload, round ${round + 1} of ${rounds}`);
      const [begun, ready] = [place.uploadBegun('big'), place.nextUpload('big')];
      await place.ask('big');
      await begun;
      resetPeak(place.builder.pid);
      uploads.push(await timeMs(() => ready));
      peaks.push(peakMB(place.builder.pid));
      await place.settled();
      await command('sync', []);
    },
    async () => {
      copies.push(await timeMs(() => command('cp', [image, join(copy, 'big.raw')])));
      rmSync(join(copy, 'big.raw'));
      await command('sync', []);
    },
  ]);
  await place.stop();
  const speed = (ms: number) => IMAGE_BYTES / 1e6 / (ms / 1000);
  return [
    row('upload of 2 GiB into a directory', 'MB/s', speed(median(uploads)), {
      samples: rounds,
      reference: { name: 'cp, which verifies nothing', value: speed(median(copies)) },
      goal: atLeast(0.8, 'ratio'),
    }),
    row('memory during it, at most', 'MB', Math.max(...peaks), { goal: atMost(MOST_MEMORY_MB) }),
  ];
}

/** Bytes that nothing can leave out or make smaller, and their checksum. */
async function makeImage(file: string): Promise<void> {
  const random = createReadStream('/dev/urandom', { end: IMAGE_BYTES - 1, highWaterMark: 1024 * 1024 });
  const hash = createHash('sha256');
  random.on('data', (part) => hash.update(part));
  await pipeline(random, createWriteStream(file));
  writeFileSync(`${file}.sha256`, `${hash.digest('hex')}  ${file}\n`);
  await command('sync', []);
}
