/** (g) How long sfconfig takes on clean hosts and on hosts that it has set up, and how soon the Ansible modules answer. */
import { LABEL, makePackage, makeSite, skipSites, type Outcome, type Site } from '../test/support/site.ts';
import { atEnd } from './clean-up.ts';
import type { BenchOptions, Section } from './main.ts';
import { timeMs } from './measure.ts';
import { benchModules } from './modules.ts';
import { atMost, rowsIn, type Row } from './report.ts';

const row = rowsIn('sfconfig');
const HYPERVISORS = 3;
const NETWORK = '10.77.39';

export async function benchSfconfig({ quick, progress }: BenchOptions): Promise<Section> {
  const why = quick ? 'takes some minutes, so not with --quick' : await skipSites();
  if (why !== false) return { rows: [], skipped: [`sfconfig and modules: ${why}`] };
  const owner = { teardown: (undo: () => Promise<void> | void) => void atEnd('test hosts', undo) };

  progress(`sfconfig, starting ${HYPERVISORS + 1} hosts`);
  const deb = await makePackage(owner, '1.0.0');
  const site = await makeSite(owner, { hypervisors: HYPERVISORS, network: NETWORK, deb });
  const first = await run(site, 'the first run', progress);
  const again = await run(site, 'a run without changes', progress);
  const rows = [
    row(`first run on ${HYPERVISORS + 1} clean hosts`, 's', first.seconds, { goal: atMost(240) }),
    row('run without changes', 's', again.seconds, { goal: atMost(60) }),
    ...Object.entries(first.times).map(([play, seconds]): Row => {
      const value = again.times[play];
      const more = value === undefined ? {} : { reference: { name: 'without changes', value } };
      return row(`first run, ${play}`, 's', seconds, more);
    }),
  ];
  progress(`modules, beside nodes of ${LABEL}`);
  rows.push(...(await benchModules(site)));
  return { rows, skipped: [] };
}

async function run(
  site: Site,
  what: string,
  progress: BenchOptions['progress'],
): Promise<{ seconds: number; times: Outcome['times'] }> {
  progress(`sfconfig, ${what}`);
  let outcome: Outcome | undefined;
  const seconds = (await timeMs(async () => (outcome = await site.sfconfig()))) / 1000;
  const { code, output, times } = outcome as Outcome;
  if (code !== 0) throw new Error(`sfconfig, ${what}, failed:\n${output}`);
  return { seconds, times };
}
