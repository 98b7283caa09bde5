/** Nodes that are there before anything is measured. */
import { makeNode } from '../src/model/node.ts';
import type { Requestor } from './requestor.ts';

/** As jobs hold them: in use, and locked by the requestor. */
export async function makeNodesInUse({ store }: Requestor, size: number): Promise<void> {
  const timeS = Date.now() / 1000;
  const node = makeNode({
    state: 'in-use',
    stateTimeS: timeS,
    createdTimeS: timeS,
    provider: 'bench',
    pool: 'main',
    type: ['large'],
    externalId: 'bench-in-use',
    hostname: 'bench-in-use',
    interfaceIp: '192.0.2.1',
    publicIpv4: '192.0.2.1',
    connectionType: 'ssh',
    connectionPort: 22,
    username: 'zuul',
    hostKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRoZSBob3N0IGtleSBvZiBhIGZha2UgaW5zdGFuY2Uu'],
    resources: { instances: 1 },
    allocatedTo: '200-0000000000',
    launcher: 'bench',
  });
  for (let made = 0; made < size; made += 500) {
    const count = Math.min(500, size - made);
    await Promise.all(Array.from({ length: count }, () => store.nodes.createLocked(node)));
  }
}
