/** (f) What the builder costs: around a build, around an upload, and until a build begins. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ELEMENTS, skipBuilds } from '../test/support/dib/real.ts';
import {
  makeDirectory,
  makeSmallImage,
  makeStandIn,
  openBuilderPlace,
  type BuilderPlace,
} from './builder-place.ts';
import { benchReactions } from './builder-reaction.ts';
import { benchUploads } from './builder-upload.ts';
import type { BenchOptions, Section } from './main.ts';
import { interleave, median, timeMs } from './measure.ts';
import { atMost, rowsIn, type Row } from './report.ts';

const row = rowsIn('builder');

/** Of a build that only waits: short enough to be patient, long enough for a share of it to mean something. */
const TIMED_S = 10;

export async function benchBuilder(options: BenchOptions): Promise<Section> {
  const rows: Row[] = [];
  const skipped: string[] = [];
  const why = skipBuilds();
  if (why === false) rows.push(...(await benchBuilds(options)));
  else skipped.push(`builds of images: ${why}`);
  rows.push(...(await benchUploads(options)));
  const reactions = await benchReactions(options);
  return { rows: [...rows, ...reactions.rows], skipped: [...skipped, ...reactions.skipped] };
}

/** The same program with the same arguments, run by the builder and by nobody. */
async function benchBuilds(options: BenchOptions): Promise<Row[]> {
  const directory = makeDirectory();
  const standIn = makeStandIn(directory, 'timed', makeSmallImage(directory), TIMED_S);
  const variables = { DIB_JOURNAL_SIZE: '8', TMPDIR: directory, HOME: directory };
  const place = await openBuilderPlace(
    directory,
    {
      'elements-dir': ELEMENTS.test,
      diskimages: [
        { name: 'real', elements: ['host-os'], formats: ['raw'], 'env-vars': variables },
        { name: 'timed', formats: ['raw'], ...standIn.keys },
      ],
    },
    options,
  );
  await Promise.all([place.nextBuild('real'), place.nextBuild('timed')]);
  await place.settled();
  const kinds = {
    real: {
      program: 'disk-image-create',
      env: { ...variables, ELEMENTS_PATH: ELEMENTS.test, DIB_RELEASE: '', DIB_IMAGE_NAME: 'real' },
    },
    timed: { program: standIn.keys['dib-cmd'], env: standIn.keys['env-vars'] },
  };
  const rows: Row[] = [];
  for (const [kind, { program, env }] of Object.entries(kinds)) {
    const [ours, bare]: [number[], number[]] = [[], []];
    const rounds = options.quick ? 2 : 5;
    await interleave(rounds, [
      async (round) => {
        options.progress(`builder, ${kind} build, round ${round + 1} of ${rounds}`);
        ours.push(await timeMs(() => buildByBuilder(place, kind)));
        await place.settled();
      },
      async () => void bare.push(await timeMs(() => buildBare(directory, program, env))),
    ]);
    const [value, reference] = [median(ours), median(bare)];
    const what = kind === 'real' ? 'a small image' : `a build of ${TIMED_S} s`;
    rows.push(
      row(`${what}, by the builder`, 'ms', value, {
        samples: rounds,
        reference: { name: 'the program alone', value: reference },
        goal: atMost(1.02, 'ratio'),
      }),
      row(`${what}, what the builder adds`, 'ms', value - reference, { goal: atMost(5000) }),
    );
  }
  await place.stop();
  return rows;
}

async function buildByBuilder(place: BuilderPlace, image: string): Promise<void> {
  const ready = place.nextBuild(image);
  await place.ask(image);
  await ready;
}

/** Writes its output to a file, as the builder does. */
async function buildBare(directory: string, program: string, env: Record<string, string>): Promise<void> {
  const output = join(directory, 'bare');
  const log = openSync(`${output}.log`, 'w');
  const args = ['-x', '-t', 'raw', '--checksum', '--no-tmpfs', '-o', output, 'host-os'];
  const child = spawn(program, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`${program} alone: exit code ${code}; see ${output}.log`);
  for (const suffix of ['.raw', '.raw.md5', '.raw.sha256', '.d'])
    rmSync(output + suffix, { recursive: true, force: true });
}
