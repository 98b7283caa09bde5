/** The steps that a person watches: from a node request to a command in a container, and back. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BUNDLES } from './driver-traces.ts';
import { startLauncher, writeConfig } from './launcher.ts';
import type { Place } from './place.ts';
import { listNodes, nodepool, run, show, type Node } from './programs.ts';
import type { Screen } from './screen.ts';
import { makeUser } from './user.ts';

/** What is worth seeing inside: its own name, an ordinary user, the system of this machine. */
const LOOK_AROUND = 'hostname; id; grep PRETTY_NAME /etc/os-release';
const GONE_MS = 30_000;

export interface Stage {
  place: Place;
  screen: Screen;
  signal: AbortSignal;
}

export async function prepare({ place, screen, signal }: Stage): Promise<void> {
  screen.step('Prepare a place');
  screen.note(`made ${place.directory} for configuration, state, key and log`);
  screen.command(`cat ${place.config}`);
  screen.output(writeConfig(place));
  await makeUser(place, { signal });
  screen.note(`made the user ${place.name}, whom the containers let in with a fresh key; removed at the end`);
  screen.done();
}

export async function startDaemon({ place, screen, signal }: Stage): Promise<void> {
  screen.step('Start the launcher');
  screen.command(`nodepool-launcher -f -c ${place.config} --log-file ${place.log}`);
  const pid = await startLauncher(place, signal);
  screen.note(`it runs as process ${pid}`);
  screen.done();
}

/** Requests a node, and shows where it is. */
export async function requestNode(stage: Stage): Promise<{ requestId: string; node: Node }> {
  const { place, screen, signal } = stage;
  screen.step('Request a node');
  const output = await showNodepool(stage, ['request', place.name, '--wait', '--timeout', '60']);
  const requestId = /^\d+-\d+$/m.exec(output)?.[0];
  await showNodepool(stage, ['list']);
  const [node] = await listNodes(place, { signal });
  if (requestId === undefined || node === undefined)
    throw new Error('the request was served, but no node is listed');
  await show(screen, ['runc', 'list'], listContainers(place, signal));
  screen.done();
  return { requestId, node };
}

export async function lookInside(stage: Stage, node: Node): Promise<void> {
  stage.screen.step('Run commands in it over SSH, with its host key checked');
  await showNodepool(stage, ['ssh', node.id, '--', LOOK_AROUND]);
  stage.screen.done();
}

/** Gives the node back, and waits until its container is gone. */
export async function releaseNode(
  stage: Stage,
  { requestId, node }: { requestId: string; node: Node },
): Promise<void> {
  const { place, screen, signal } = stage;
  screen.step('Give it back');
  await showNodepool(stage, ['release', requestId]);
  await awaitGone(node, signal);
  await showNodepool(stage, ['list']);
  await show(screen, ['runc', 'list'], listContainers(place, signal));
  screen.done();
}

/** All of it in one command. */
export async function runOnce(stage: Stage): Promise<void> {
  stage.screen.step('The same in one command');
  await showNodepool(stage, [
    'run',
    stage.place.name,
    '--timeout',
    '60',
    '--',
    'echo',
    'hello from a container',
  ]);
  const left = await listNodes(stage.place, { signal: stage.signal });
  for (const node of left) await awaitGone(node, stage.signal);
  stage.screen.done();
}

function showNodepool({ place, screen, signal }: Stage, args: string[]): Promise<string> {
  return show(screen, ['nodepool', ...args], nodepool(place, args, { signal }));
}

/** Of `runc list`, the heading and what belongs to this run. */
async function listContainers({ name }: Place, signal: AbortSignal): Promise<string> {
  const lines = (await run('runc', ['list'], { signal })).split('\n');
  return lines.filter((line, index) => index === 0 || line.includes(`-${name}-`)).join('\n');
}

async function awaitGone({ server_id: id }: Node, signal: AbortSignal): Promise<void> {
  const endMs = performance.now() + GONE_MS;
  while (id !== null && (existsSync(`/run/runc/${id}`) || existsSync(join(BUNDLES, id)))) {
    if (performance.now() > endMs)
      throw new Error(`container ${id} is still there after ${GONE_MS / 1000} s`);
    await sleep(10, undefined, { signal });
  }
}
