import { sshTarget } from '../operator/connection.ts';
import { Failure, UsageError } from './failure.ts';
import { findIdentities } from './identity.ts';
import { nodeIdOf } from './ids.ts';
import { warn } from './print.ts';
import { joinCommand } from './remote-command.ts';
import { runSsh } from './shell.ts';
import type { Run } from './verb.ts';

/** A shell, or a command, on any node that has an address. Takes no lock: a job that has the node goes on. */
export const run: Run = async (tools, { args, command, options }) => {
  if (tools.format === 'json')
    throw new UsageError('ssh prints what the node prints; --format json does not go with it');
  const id = nodeIdOf(args[0] ?? '');
  const store = await tools.openStore();
  const entry = await store.nodes.get(id);
  if (!entry) throw new Failure(`node ${id} does not exist; nodepool list shows all`);
  const target = sshTarget(entry);
  if (!target) {
    const { state, connectionType } = entry.value;
    throw new Failure(
      `node ${id} cannot be entered over SSH: it is ${state}` +
        (entry.value.interfaceIp
          ? ` and its connection type is ${connectionType ?? 'unknown'}`
          : ' and has no address'),
    );
  }
  if (entry.value.state === 'ready' && entry.value.allocatedTo === null) {
    warn(tools, `node ${id} is ready and may be given to a job at any time; nodepool hold ${id} keeps it`);
  }
  const identities = await findIdentities(tools, options.identity);
  await store.close(); // nothing is held: a shell that stays open for days must not keep the store open
  return runSsh(tools, target, identities, {
    ...(command && { command: joinCommand(command) }),
    tty: options.tty === true,
    signal: tools.signal,
  });
};
