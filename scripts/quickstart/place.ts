/** One run of the quickstart: its name, its directory, and the record by which it can be cleaned up in any case. */
import { randomInt } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTraces, type Traces } from './driver-traces.ts';
import { withLock } from './lock.ts';
import { identify, isRunning, type ProcessId } from './processes.ts';

const PREFIX = 'nodepool-';
const NAME = /^quickstart-[a-z0-9]{4}$/;

export interface Place {
  /** `quickstart-k3x9`: label, provider and user are called so, and nothing else on the machine is. */
  name: string;
  /** `/tmp/nodepool-quickstart-k3x9` */
  directory: string;
  config: string;
  key: string;
  log: string;
  record: PlaceRecord;
}

interface PlaceRecord {
  owner: ProcessId;
  /** Set when the launcher has been started. */
  launcher?: ProcessId;
  /** Stays after the end of its owner, until `--stop`. */
  kept?: true;
  /** What the driver's common traces were before any quickstart ran. */
  before: Traces;
}

/** Runs that overlap share the oldest one's view of what was there before; the last one tidies up. */
export function makePlace(): Promise<Place> {
  return withLock(() => {
    const before = findPlaces()[0]?.record.before ?? findTraces();
    const name = `quickstart-${randomInt(36 ** 4)
      .toString(36)
      .padStart(4, '0')}`;
    const owner = identify(process.pid);
    if (owner === undefined) throw new Error('/proc does not show this process; is it mounted?');
    const place = placeAt(join(tmpdir(), `${PREFIX}${name}`), { owner, before });
    mkdirSync(place.directory, { mode: 0o700 });
    save(place);
    return place;
  });
}

/** Written aside and renamed: half a record would make the run impossible to clean up. */
export function save({ directory, record }: Place): void {
  const fresh = join(directory, 'run.json.new');
  writeFileSync(fresh, JSON.stringify(record));
  renameSync(fresh, join(directory, 'run.json'));
}

/** All runs that have not been cleaned up. Only root's own directories count: others may write to /tmp as well. */
export function findPlaces(): Place[] {
  return readdirSync(tmpdir()).flatMap((entry) => {
    const directory = join(tmpdir(), entry);
    if (!entry.startsWith(PREFIX) || !NAME.test(entry.slice(PREFIX.length))) return [];
    const stat = lstatSync(directory, { throwIfNoEntry: false });
    if (!stat?.isDirectory() || stat.uid !== process.getuid?.()) return [];
    try {
      return [
        placeAt(directory, JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8')) as PlaceRecord),
      ];
    } catch {
      return [];
    }
  });
}

/** Its owner was ended before it could clean up. */
export function isAbandoned({ record }: Place): boolean {
  return !record.kept && !isRunning(record.owner);
}

export function removePlace({ directory }: Place): void {
  rmSync(directory, { recursive: true, force: true });
}

function placeAt(directory: string, record: PlaceRecord): Place {
  return {
    name: directory.slice(join(tmpdir(), PREFIX).length),
    directory,
    config: join(directory, 'nodepool.yaml'),
    key: join(directory, 'id_ed25519'),
    log: join(directory, 'launcher.log'),
    record,
  };
}
