import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { silentLogger } from '../../../src/log.ts';
import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import { callModule } from '../../support/ansible-module.ts';
import { tempDir } from '../../support/temp.ts';

/** The built command, which modules call. */
export const builtCommand = fileURLToPath(new URL('../../../dist/bin/nodepool.cjs', import.meta.url));

/** One that modules need not start, as from the package: it is for the Node.js of the tests, and does nothing as a program. */
export function installCommand(t: Test): string {
  const dir = tempDir(t);
  const program = join(dir, 'nodepool.cjs');
  writeFileSync(program, programFor(process.execPath), { mode: 0o755 });
  const command = join(dir, 'nodepool');
  symlinkSync(program, command);
  return command;
}

export const programFor = (node: string) =>
  `#!${node}\nif (require.main === module) process.exit(99);\nmodule.exports = require('${builtCommand}');\n`;

/** Records in a directory, and tasks of a host whose configuration names it and goes on with `yaml`. */
export async function openPlace(t: Test, yaml: string) {
  const dir = tempDir(t);
  const state = join(dir, 'state');
  const store = await openEmbeddedStore({ dir: state, log: silentLogger });
  t.teardown(() => store.close());
  const config = join(dir, 'nodepool.yaml');
  writeFileSync(config, `state-dir: ${state}\n${yaml}`);
  return {
    dir,
    store,
    task: (name: string, values: object, check = false) =>
      callModule(name, dir, { config, command: builtCommand, ...values }, { check }),
  };
}
