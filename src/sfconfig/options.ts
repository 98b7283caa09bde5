/** The command line of sfconfig. */
import { Command, CommanderError, Option } from 'commander';

export interface Options {
  arch: string;
  config: string;
  extra: string;
  /** The Ansible collection; undefined: the one that comes with this program. */
  share: string | undefined;
  /** Where playbooks and the inventory are written. */
  ansibleRoot: string;
  /** Keys and certificates. */
  lib: string;
  /** Clone of the config repository. */
  configDir: string;
  enableInsecureSlaves: boolean;
  skipInstall: boolean;
  skipSetup: boolean;
  skipApply: boolean;
  skipTest: boolean;
  upgrade: boolean;
  disable: boolean;
  erase: boolean;
  /** With `erase`: nobody is asked. */
  yes: boolean;
  /** File or directory of a backup. */
  recover: string | undefined;
  /** Say what would change; change nothing. */
  check: boolean;
  /** All of Ansible's own output. */
  verbose: boolean;
}

/** Text for stdout or stderr that answers the command line, with the exit code. */
export interface Answered {
  exitCode: number;
}

export const DEFAULT_BACKUP = '/var/lib/software-factory/backup';

export function parseOptions(
  argv: readonly string[],
  { version, out, err }: { version: string; out: (text: string) => void; err: (text: string) => void },
): Options | Answered {
  const command = describeCommand(version).configureOutput({
    writeOut: out,
    writeErr: err,
    outputError: (text, write) => write(text.replace(/^error: /, 'sfconfig: ')),
  });
  try {
    command.parse(argv, { from: 'user' });
    const options = command.opts<Record<string, unknown>>();
    const conflict = findConflict(options);
    if (conflict) command.error(`error: ${conflict}`, { exitCode: 2 });
    return readOptions(options);
  } catch (error) {
    if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? 0 : 2 };
    throw error;
  }
}

function describeCommand(version: string): Command {
  const command = new Command('sfconfig')
    .description(
      'Sets up Nodepool on all hosts of an architecture, and keeps them so: run it after every change.',
    )
    .version(`sfconfig ${version}`, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .allowExcessArguments(false)
    .showSuggestionAfterError()
    .showHelpAfterError('sfconfig --help lists the options')
    .exitOverride();
  for (const option of [...fileOptions(), ...actionOptions(), ...ignoredOptions()]) command.addOption(option);
  return command.addHelpText('after', EXAMPLES);
}

function fileOptions(): Option[] {
  return [
    new Option('--arch <file>', 'the architecture').default('/etc/software-factory/arch.yaml'),
    new Option('--config <file>', 'the settings').default('/etc/software-factory/sfconfig.yaml'),
    new Option('--extra <file>', 'variables for Ansible; may be absent').default(
      '/etc/software-factory/custom-vars.yaml',
    ),
    new Option('--share <dir>', 'the Ansible collection (default: the one of this program)'),
    new Option('--ansible_root <dir>', 'where playbooks are written').default(
      '/var/lib/software-factory/ansible',
    ),
    new Option('--lib <dir>', 'keys and certificates').default('/var/lib/software-factory/bootstrap-data'),
    new Option('--config-dir <dir>', 'clone of the config repository').default('/root/config'),
  ];
}

function actionOptions(): Option[] {
  return [
    new Option('--enable-insecure-slaves', 'allow hypervisor-runc beside other roles, without isolation'),
    new Option('--enable-insecure-workers', 'the same').hideHelp(),
    new Option('--skip-install', 'install no package'),
    new Option('--skip-setup', 'install only'),
    new Option('--skip-apply', 'check and write files on this host; run no playbook'),
    new Option('--skip-test', 'do not look whether the services work in the end'),
    new Option('--upgrade', 'bring packages up to date first'),
    new Option('--update', 'the same').hideHelp(),
    new Option('--disable', 'stop all services and keep them stopped'),
    new Option('--erase', 'disable, and remove all data; asks first'),
    new Option('-y, --yes', 'with --erase: do not ask'),
    new Option('--recover [path]', 'put a backup back first, a file or a directory').preset(DEFAULT_BACKUP),
    new Option('--check', 'show what would change, and change nothing'),
    new Option('-v, --verbose', "show all of Ansible's own output"),
  ];
}

/** Of a complete Software Factory; accepted, because scripts pass them. */
function ignoredOptions(): Option[] {
  return [
    new Option('--allinone'),
    new Option('--skip-populate-hosts'),
    new Option('--disable-external-resources'),
    new Option('--provision-demo'),
    new Option('--disable-ssl-redirection'),
    new Option('--set-idp-metadata <uri>'),
  ].map((option) => option.hideHelp());
}

const EXAMPLES = `
Examples:
  sfconfig                        after a change of arch.yaml or sfconfig.yaml
  sfconfig --check                what that would do
  sfconfig --skip-install         settings only, for instance a new password
  sfconfig --upgrade              bring the software up to date on all hosts
  sfconfig --recover backup.tar   on a new machine

Exit codes: 0 done, 1 refused or failed, 2 wrong usage.`;

function findConflict(options: Record<string, unknown>): string | undefined {
  const given = (...names: string[]) => names.filter((name) => options[name] === true);
  const [ending] = given('disable', 'erase');
  if (options.erase === true && options.check === true) return 'there is no --check of --erase';
  if (ending !== undefined && options.skipSetup === true)
    return `--skip-setup and --${ending} exclude each other`;
  if (options.yes === true && options.erase !== true) return '--yes is for --erase';
  return undefined;
}

function readOptions(options: Record<string, unknown>): Options {
  const text = (name: string) => options[name] as string;
  const flag = (...names: string[]) => names.some((name) => options[name] === true);
  return {
    arch: text('arch'),
    config: text('config'),
    extra: text('extra'),
    share: options.share as string | undefined,
    ansibleRoot: text('ansible_root'),
    lib: text('lib'),
    configDir: text('configDir'),
    enableInsecureSlaves: flag('enableInsecureSlaves', 'enableInsecureWorkers'),
    skipInstall: flag('skipInstall'),
    skipSetup: flag('skipSetup'),
    skipApply: flag('skipApply'),
    skipTest: flag('skipTest'),
    upgrade: flag('upgrade', 'update'),
    disable: flag('disable') && !flag('erase'),
    erase: flag('erase'),
    yes: flag('yes'),
    recover: options.recover as string | undefined,
    check: flag('check'),
    verbose: flag('verbose'),
  };
}
