/**
 * A process that takes one lock again and again until it is killed: `node … <servers> <lock> <counter> <id>`.
 * Inside the lock it creates the znode `holder`, which fails if there are two holders, and counts its turn. The holder's
 * znode belongs to the session, like the lock, so a killed process leaves neither.
 */
import { acquireLock, connect, NodeExistsError } from '../../src/zookeeper/index.ts';

const [servers, directory, rounds] = process.argv.slice(2) as [string, string, string];
const client = await connect({ servers, sessionTimeoutMs: 1000 });

for (;;) {
  const lock = await acquireLock(client, directory);
  if (!lock) throw new Error('a lock without time limit was not acquired');
  try {
    await client.create(`${rounds}/holder`, '', { ephemeral: true });
    await client.create(`${rounds}/turn-`, String(process.pid), { sequential: true });
    await client.delete(`${rounds}/holder`);
  } catch (error) {
    if (error instanceof NodeExistsError)
      await client.create(`${rounds}/violation-`, String(process.pid), { sequential: true });
  }
  await lock.release();
}
