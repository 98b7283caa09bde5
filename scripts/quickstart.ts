/**
 * `npm run quickstart`: shows on this machine how a node request becomes a container, a command runs in it over SSH, and
 * the container goes away again; takes everything away that it made, and says so. Several may run at once.
 */
import { parseArgs } from 'node:util';
import { cleanUp, findLeftovers, findShared } from './quickstart/clean-up.ts';
import * as demonstration from './quickstart/demonstration.ts';
import { tailLog } from './quickstart/launcher.ts';
import { findPlaces, isAbandoned, makePlace, save, type Place } from './quickstart/place.ts';
import { assertBuilt, nodepoolProgram } from './quickstart/programs.ts';
import { createScreen, seconds } from './quickstart/screen.ts';

const USAGE = `Usage: npm run quickstart [-- --keep | --stop]

  --keep   leave the launcher running at the end, and say what to try
  --stop   end and remove what --keep has left`;

/** A terminal's Ctrl-C can arrive twice: directly, and passed on by npm. */
const SAME_SIGNAL_MS = 1000;

const startedAt = performance.now();
const colours = process.stdout.isTTY === true && !process.env['NO_COLOR'];
const width = process.stdout.isTTY ? process.stdout.columns : undefined;
const screen = createScreen((text) => process.stdout.write(text), width, colours);
const stop = new AbortController();
let exitCode = 0;

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) return 2;
  if (options.help) return say(USAGE, 0);
  if (process.getuid?.() !== 0)
    return say('The quickstart starts containers, so run it as root: sudo npm run quickstart', 1);
  listenToSignals();
  try {
    assertBuilt();
    if (options.stop) return await stopKept();
    await cleanUpAbandoned();
    await demonstrate(options.keep === true);
  } catch (error) {
    screen.problem(reasonOf(error));
    exitCode ||= 1;
  }
  return exitCode;
}

async function demonstrate(keep: boolean): Promise<void> {
  screen.heading('nodepool quickstart: from a node request to a command in a container, and back to nothing');
  const place = await makePlace();
  const stage = { place, screen, signal: stop.signal };
  const ports: number[] = [];
  try {
    await demonstration.prepare(stage);
    await demonstration.startDaemon(stage);
    const { requestId, node } = await demonstration.requestNode(stage);
    ports.push(Number(node.connection_port));
    await demonstration.lookInside(stage, node);
    await demonstration.releaseNode(stage, { requestId, node });
    await demonstration.runOnce(stage);
  } catch (error) {
    explainFailure(place, error, keep);
  }
  if (keep && !stop.signal.aborted) return explainKept(place);
  await takeAway(place, ports);
  if (exitCode === 0) farewell();
}

/** The last step, whatever happened before. */
async function takeAway(place: Place, ports: readonly number[]): Promise<void> {
  screen.step('Clean up');
  await cleanUp(place);
  const left = findLeftovers(place, ports);
  if (left.length > 0) {
    screen.problem(`This could not be removed:\n  ${left.join('\n  ')}`);
    exitCode ||= 1;
    return;
  }
  screen.note(`ended the launcher; removed the user ${place.name} and ${place.directory}`);
  screen.note(
    'nothing is left: no container, bundle, mount, process, port, control group, user or directory',
  );
  const shared = findShared(place);
  if (shared.length > 0) screen.note(`other launchers here still use: ${shared.join(', ')}`);
  screen.done();
}

function explainFailure(place: Place, error: unknown, keep: boolean): void {
  if (stop.signal.aborted) {
    screen.problem('Interrupted; cleaning up.');
    return;
  }
  exitCode = 1;
  screen.problem(`This did not work: ${reasonOf(error)}`);
  const log = tailLog(place);
  if (log !== '') {
    screen.note(`The launcher's log ends with:`);
    screen.output(log);
  }
  if (!keep)
    screen.note(
      'Next: docs/runc.md explains these messages; npm run quickstart -- --keep leaves all for a look.',
    );
}

function explainKept(place: Place): void {
  place.record.kept = true;
  save(place);
  const { name, config, key, log } = place;
  screen.heading('\nThe launcher keeps running. To play with it, paste these two lines first:');
  screen.note(
    `export NODEPOOL_SSH_KEY=${key}\nalias nodepool='${process.execPath} ${nodepoolProgram} -c ${config}'`,
  );
  screen.heading('Then try:');
  screen.note(
    [
      `nodepool run ${name}                 # a shell in a new container; it goes when you leave`,
      `nodepool run ${name} --nodes 2 -- uptime`,
      `nodepool request ${name} --wait      # a node that stays; nodepool list shows it`,
      'nodepool hold NODE-ID --reason "a look"; nodepool ssh NODE-ID; nodepool delete NODE-ID',
      `tail -f ${log}`,
    ].join('\n'),
  );
  screen.heading('In the end: npm run quickstart -- --stop');
}

function farewell(): void {
  screen.heading(`\nAll of it took ${seconds(performance.now() - startedAt)}. Next steps:`);
  screen.note('npm run quickstart -- --keep   leaves it running, to play with');
  screen.note('docs/runc.md                   hypervisors of your own, over SSH');
  screen.note('docs/README.md                 all pages');
}

async function cleanUpAbandoned(): Promise<void> {
  for (const place of findPlaces().filter(isAbandoned)) {
    screen.note(`cleaning up ${place.name}, which was ended in the middle`);
    await cleanUp(place);
  }
}

async function stopKept(): Promise<number> {
  const places = findPlaces().filter((place) => place.record.kept || isAbandoned(place));
  if (places.length === 0) return say('Nothing is left of earlier quickstarts.', 0);
  for (const place of places) {
    screen.heading(`Removing ${place.name}`);
    await takeAway(place, []);
  }
  return exitCode;
}

function listenToSignals(): void {
  let firstMs = 0;
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(name, () => {
      if (!stop.signal.aborted) {
        firstMs = performance.now();
        exitCode = code;
        stop.abort();
      } else if (performance.now() - firstMs > SAME_SIGNAL_MS) {
        screen.problem('Ended in the middle of cleaning up; npm run quickstart -- --stop does the rest.');
        process.exit(code);
      }
    });
  }
}

function readOptions(): { keep?: boolean; stop?: boolean; help?: boolean } | undefined {
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({ options: { keep: flag, stop: flag, help: flag } }).values;
  } catch (error) {
    say(`${reasonOf(error)}\n${USAGE}`, 2);
    return undefined;
  }
}

function say(text: string, code: number): number {
  (code === 0 ? process.stdout : process.stderr).write(`${text}\n`);
  return code;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
