/** Runs a built Ansible module as Ansible does: the file itself, with the path of its arguments. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const folder = fileURLToPath(new URL('../../ansible/plugins/modules/', import.meta.url));
let lastCall = 0;

export interface ModuleAnswer {
  exitCode: number | undefined;
  /** Everything on stdout and stderr. */
  text: string;
  json: Record<string, unknown>;
}

/** `directory` is a temporary one, for the arguments. */
export async function callModule(
  name: string,
  directory: string,
  values: Record<string, unknown>,
  { check = false } = {},
): Promise<ModuleAnswer> {
  const file = join(directory, `arguments-${(lastCall += 1)}.json`);
  await writeFile(file, JSON.stringify({ ...values, _ansible_check_mode: check, _ansible_diff: true }));
  const { exitCode, stdout, stderr } = await execa(`${folder}${name}.cjs`, [file], {
    reject: false,
    timeout: 120_000,
  });
  return { exitCode, text: stdout + stderr, json: JSON.parse(stdout) as Record<string, unknown> };
}
