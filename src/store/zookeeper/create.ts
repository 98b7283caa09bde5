import { StoreError } from '../../errors.ts';
import { NodeExistsError, parentOf, type Stat, type ZooKeeperClient } from '../../zookeeper/index.ts';
import { checkId } from '../ids.ts';
import type { Claims } from './claims.ts';
import { isGone, isInterrupted, throughLosses, unlessGone } from './failures.ts';
import type { Layout } from './layout.ts';

interface Target {
  client: ZooKeeperClient;
  layout: Layout;
  data: string;
  ephemeral: boolean;
}

interface NumberedTarget extends Target {
  prefix: string;
  claims: Claims;
}

export interface CreatedRecord {
  id: string;
  stat: Stat;
}

/** How many of the newest siblings are looked at for a record whose creation was not answered. */
const NEWEST = 200;

/** The server appends a number; all records in one parent share its counter. */
export async function createNumbered(target: NumberedTarget): Promise<CreatedRecord> {
  const { client, layout, data, ephemeral, prefix, claims } = target;
  checkId(layout.collection, `${prefix}0000000000`);
  const path = layout.recordPath(prefix);
  for (;;) {
    try {
      const { path: made, stat } = await client.create(path, data, { sequential: true, ephemeral });
      claims.claim(made);
      return { id: layout.idOf(made) as string, stat: stat ?? (await readStat(client, made)) };
    } catch (error) {
      if (isGone(error)) await throughLosses(() => client.ensurePath(parentOf(path)));
      else if (!isInterrupted(error)) throw error;
      else {
        const found = await findOwn(target);
        if (found) return found;
      }
    }
  }
}

/** Throws StoreError when it exists. */
export async function createNamed(target: Target & { id: string }): Promise<CreatedRecord> {
  const { client, layout, data, ephemeral, id } = target;
  checkId(layout.collection, id);
  const path = layout.recordPath(id);
  for (let isRepeated = false; ;) {
    try {
      const { stat } = await client.create(path, data, { ephemeral });
      return { id, stat: stat ?? (await readStat(client, path)) };
    } catch (error) {
      if (isGone(error)) await throughLosses(() => client.ensurePath(parentOf(path)));
      else if (isInterrupted(error)) isRepeated = true;
      else if (!(error instanceof NodeExistsError)) throw error;
      else {
        const own = isRepeated ? await readOwn(target, path) : undefined;
        if (!own) throw new StoreError(`${layout.collection}/${id} exists already`);
        return { id, stat: own };
      }
    }
  }
}

/** The record is there although the answer to its creation was lost. */
async function findOwn(target: NumberedTarget): Promise<CreatedRecord | undefined> {
  const { client, layout, prefix, claims } = target;
  const path = layout.recordPath(prefix);
  const parent = parentOf(`${path}0`);
  const beginning = path.slice(parent.length + 1);
  const names = (await unlessGone(throughLosses(() => client.getChildren(parent)))) ?? [];
  const candidates = names.filter((name) => name.startsWith(beginning) && /\d{10}$/.test(name));
  candidates.sort((a, b) => (a.slice(-10) < b.slice(-10) ? 1 : -1));
  for (const name of candidates.slice(0, NEWEST)) {
    const made = `${parent}/${name}`;
    const stat = claims.has(made) ? undefined : await readOwn(target, made);
    if (stat && claims.claim(made)) return { id: layout.idOf(made) as string, stat };
  }
  return undefined;
}

async function readOwn({ client, data, ephemeral }: Target, path: string): Promise<Stat | undefined> {
  const found = await unlessGone(throughLosses(() => client.getData(path)));
  if (found?.data.toString() !== data || found.stat.version !== 0) return undefined;
  return found.stat.ephemeralOwner === (ephemeral ? client.sessionId : 0n) ? found.stat : undefined;
}

/** Servers before 3.5 do not send it with the answer. */
async function readStat(client: ZooKeeperClient, path: string): Promise<Stat> {
  const stat = await throughLosses(() => client.exists(path));
  if (!stat) throw new StoreError(`${path} was removed as soon as it was made`);
  return stat;
}
