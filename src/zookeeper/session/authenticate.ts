import { AuthFailedError, ErrorCode } from '../errors.ts';
import type { Credential } from '../options.ts';
import type { JuteWriter } from '../wire/jute-writer.ts';
import { OpCode, SpecialXid } from '../wire/opcodes.ts';
import type { Connection } from './connection.ts';

/**
 * Shows a credential to the server; resolves with the error if it is refused. A lost connection is none: the credential
 * goes to the next server as well.
 */
export function authenticate(
  connection: Connection,
  { scheme, auth }: Credential,
): Promise<AuthFailedError | undefined> {
  return new Promise((resolve) => {
    const request = {
      opcode: OpCode.auth,
      write(writer: JuteWriter) {
        writer.int(0);
        writer.string(scheme);
        writer.data(auth);
      },
    };
    connection.sendControl(request, SpecialXid.auth, (code) => {
      const refused = code !== ErrorCode.ok && code !== ErrorCode.connectionLoss;
      resolve(
        refused
          ? new AuthFailedError(ErrorCode.authFailed, `the server refused the ${scheme} credential`)
          : undefined,
      );
    });
  });
}
