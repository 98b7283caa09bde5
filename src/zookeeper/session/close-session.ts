import { OpCode } from '../wire/opcodes.ts';
import type { CallSpec } from './call.ts';

/** Ends the session on the server, and with it everything ephemeral. */
export const closeSession: CallSpec<void> = {
  name: 'close',
  opcode: OpCode.closeSession,
  isRead: false,
  write: () => undefined,
  read: () => undefined,
};
