/** Makes nodepool.yaml and secure.conf of a host, and replaces them when both are valid together. */
import { loadConfigRepo } from '../config/repo/load.ts';
import { formatWarning } from '../config/warnings.ts';
import { runNodepool, type CommandOptions } from './lib/nodepool-command.ts';
import { isAsWanted, prepare, readOld, type Prepared, type Wanted } from './lib/replace-file.ts';
import { ModuleError, runModule, type Result, type Task } from './lib/run-module.ts';

interface Values {
  repository?: string;
  base: string;
  hostname: string;
  extra_launcher: boolean;
  builder: boolean;
  launchers: string[];
  dib_reg_passwords?: { image_name: string; reg_password: string }[];
  dest: string;
  secure_dest: string;
  group: string;
  command: string;
}

void runModule<Values>({ options: MODULE_OPTIONS, secrets: ['dib_reg_passwords.reg_password'], run });

async function run({ values, check, warn }: Task<Values>): Promise<Result> {
  const { dest, secure_dest: secureDest, group } = values;
  const { text, providers } = await makeMain(values, warn);
  const main: Wanted = { path: dest, text, mode: 0o644 };
  const secure = makeSecure(values);
  const wanted: Wanted[] = [
    main,
    ...(secure === undefined ? [] : [{ path: secureDest, text: secure, mode: 0o440, group }]),
  ];
  const asWanted = await Promise.all(wanted.map(isAsWanted));
  if (!asWanted.includes(false)) return { changed: false, providers };
  const diff = { before: (await readOld(dest)) ?? '', after: text, before_header: dest, after_header: dest };
  await replaceWhenValid(wanted, values, check);
  return { changed: true, providers, diff };
}

/** The base alone where there is no repository. */
async function makeMain(
  { repository, base, hostname, extra_launcher: extraLauncher, builder, launchers }: Values,
  warn: (text: string) => void,
): Promise<{ text: string; providers: number | undefined }> {
  if (repository === undefined) {
    const text = await readOld(base);
    if (text === undefined) throw new ModuleError(`base: ${base} does not exist`);
    return { text, providers: undefined };
  }
  const host = { hostname, extraLauncher, builder };
  const known = launchers.length === 0 ? undefined : launchers;
  const merged = await loadConfigRepo({ dir: repository, base, host, launchers: known });
  for (const warning of merged.warnings) warn(formatWarning(warning));
  return { text: merged.text, providers: merged.providers };
}

/** YAML, in which JSON's texts mean themselves whatever is in them. Undefined: leave the file alone. */
function makeSecure({ dib_reg_passwords: passwords }: Values): string | undefined {
  if (passwords === undefined) return undefined;
  if (passwords.length === 0) return '\n';
  const images = passwords.map(({ image_name: name, reg_password: password }) =>
    [
      `  - name: ${JSON.stringify(name)}`,
      '    env-vars:',
      `      REG_PASSWORD: ${JSON.stringify(password)}`,
      '',
    ].join('\n'),
  );
  return `diskimages:\n${images.join('')}`;
}

/**
 * Asks the installed version, which will read the files, whether it takes them. The main file goes first: while only it
 * is new, at most a password has no image yet, and the daemons stay with what they have.
 */
async function replaceWhenValid(wanted: readonly Wanted[], values: Values, check: boolean): Promise<void> {
  const prepared: Prepared[] = [];
  try {
    for (const file of wanted) prepared.push(await prepare(file));
    await validate(prepared, wanted, values);
    if (check) return;
    for (const file of prepared) await file.commit();
  } finally {
    await Promise.all(prepared.map((file) => file.discard()));
  }
}

async function validate(prepared: readonly Prepared[], wanted: readonly Wanted[], values: Values) {
  const [config = '', secure = await existing(values.secure_dest)] = prepared.map(
    ({ candidate }) => candidate,
  );
  const options = { command: values.command, config, ...(secure === undefined ? {} : { secure }) };
  const { exitCode, stderr } = await runNodepool(options, ['config-validate']);
  if (exitCode === 0) return;
  const inRepository = await explainRepository(options, values);
  const said = prepared.reduce(
    (text, { candidate }, index) => text.replaceAll(candidate, `${wanted[index]?.path ?? ''} (new)`),
    inRepository ?? stderr.trim(),
  );
  throw new ModuleError(said === '' ? `nodepool config-validate ended with exit code ${exitCode}` : said);
}

/** The mistakes where somebody has made them, if they are in the repository. */
async function explainRepository(
  options: CommandOptions,
  { repository, base }: Values,
): Promise<string | undefined> {
  if (repository === undefined) return undefined;
  const { exitCode, stderr } = await runNodepool(options, [
    'config-validate',
    '--config-repo',
    repository,
    '--base',
    base,
  ]);
  return exitCode === 0 ? undefined : stderr.trim();
}

async function existing(path: string): Promise<string | undefined> {
  return (await readOld(path)) === undefined ? undefined : path;
}
