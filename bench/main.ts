/**
 * `npm run bench [-- --json] [-- --only runc|scheduling|zookeeper|openstack|cli|web|builder|sfconfig] [-- --quick] [-- --peer]
 * [-- --profile DIR]`: how fast it is, against what the machine can do at best. Prints medians and ratios; judges nothing by
 * its exit code. docs/performance.md says what each number means.
 */
import { parseArgs } from 'node:util';
import { benchBuilder } from './builder.ts';
import { benchCli } from './cli.ts';
import { cleanUp, cleanUpOnSignals } from './clean-up.ts';
import { describeMachine, renderJson, renderTable, type Report, type Row } from './report.ts';
import { benchOpenstack } from './openstack.ts';
import { benchRunc } from './runc.ts';
import { benchScheduling } from './scheduling.ts';
import { benchSfconfig } from './sfconfig.ts';
import { benchWeb } from './web.ts';
import { benchZooKeeper } from './zookeeper.ts';

export interface BenchOptions {
  /** Fewer rounds: a look, not a result. */
  quick: boolean;
  /** Launchers write CPU profiles there. */
  profileDir: string | undefined;
  /** Measure the Python Nodepool too, which is installed from PyPI for it. */
  peer: boolean;
  progress(text: string): void;
}

export interface Section {
  rows: Row[];
  /** What was not measured, and why. */
  skipped: string[];
}

const SECTIONS: Record<string, (options: BenchOptions) => Promise<Section>> = {
  runc: benchRunc,
  scheduling: benchScheduling,
  zookeeper: benchZooKeeper,
  openstack: benchOpenstack,
  cli: benchCli,
  web: benchWeb,
  builder: benchBuilder,
  sfconfig: benchSfconfig,
};

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    peer: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: Object.keys(SECTIONS) },
    profile: { type: 'string' },
  },
});
const unknown = values.only.filter((name) => !(name in SECTIONS));
if (unknown.length > 0) {
  process.stderr.write(
    `bench: no section ${unknown.join(', ')}; there are ${Object.keys(SECTIONS).join(', ')}\n`,
  );
  process.exit(2);
}

cleanUpOnSignals();
const report: Report = { machine: describeMachine(), rows: [], skipped: [] };
try {
  for (const name of values.only) {
    const { rows, skipped } = (await SECTIONS[name]?.({
      quick: values.quick,
      profileDir: values.profile,
      peer: values.peer,
      progress: (text) => void process.stderr.write(`bench: ${text}\n`),
    })) as Section;
    report.rows.push(...rows);
    report.skipped.push(...skipped);
  }
} finally {
  await cleanUp();
}
process.stdout.write(values.json ? renderJson(report) : renderTable(report));
