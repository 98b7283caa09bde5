/** Reads a command line. Global options are accepted before and after the verb. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { UsageError } from './failure.ts';
import type { Input, Io, Verb } from './verb.ts';

export interface Globals {
  config: string;
  secure: string | undefined;
  logging: string | undefined;
  debug: boolean;
  format: 'table' | 'json';
}

export interface Parsed {
  verb: Verb;
  globals: Globals;
  input: Input;
}

export const DEFAULT_CONFIG = '/etc/nodepool/nodepool.yaml';

/** A command line that is answered already (help, version) or wrong: the text is printed, only the code is left. */
export interface Answered {
  exitCode: number;
}

export function parseArguments(
  argv: readonly string[],
  { verbs, version, io }: { verbs: readonly Verb[]; version: string; io: Pick<Io, 'stdout' | 'stderr'> },
): Parsed | Answered {
  let parsed: Parsed | undefined;
  const program = new Command('nodepool')
    .description('Lists and handles the nodes, node requests and providers of a node pool.')
    .usage('[options] <verb> [arguments]')
    .version(`Nodepool version: ${version}`, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help; after a verb, that of the verb')
    .addHelpCommand(helpVerb())
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError('nodepool --help lists the verbs and options')
    .exitOverride()
    .configureOutput(outputOf(io))
    .configureHelp({ subcommandTerm: (command) => termOf(command.name(), verbs) })
    .addHelpText(
      'after',
      '\nnodepool <verb> --help has examples. Exit codes: 0 done, 1 failed or refused, 2 wrong usage.',
    );
  for (const option of globalOptions()) program.addOption(option);
  for (const verb of verbs) {
    program.addCommand(
      commandFor(verb, argv, (input, own) => {
        parsed = { verb, input, globals: readGlobals({ ...program.opts(), ...own }) };
      }).configureOutput(outputOf(io)),
    );
  }
  try {
    if (argv.length === 0) {
      program.outputHelp();
      return { exitCode: 1 };
    }
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? 0 : 2 };
    throw error;
  }
  return parsed ?? { exitCode: 2 };
}

function commandFor(
  verb: Verb,
  argv: readonly string[],
  onParsed: (input: Input, globals: Record<string, unknown>) => void,
): Command {
  const command = new Command(verb.name)
    .summary(verb.summary)
    .description(verb.description)
    .helpGroup(`${verb.group}:`)
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError(`nodepool ${verb.name} --help shows how it is used`)
    .addHelpText('after', () => examplesOf(verb));
  if (verb.takesCommand) command.usage(`[options] ${verb.arguments ?? ''} [-- command...]`);
  for (const { flags, description, parse } of verb.options ?? []) {
    if (parse) command.option(flags, description, complain(parse));
    else command.option(flags, description);
  }
  for (const option of globalOptions()) command.addOption(option.helpGroup('Global options:'));
  if (verb.arguments) command.arguments(`${verb.arguments}${verb.takesCommand ? ' [command...]' : ''}`);
  return command.action(() => {
    const options = command.opts<Record<string, unknown>>();
    const words = splitCommand(verb, command, argv);
    const given = command.optsWithGlobals<Record<string, unknown>>();
    const names = [...words.args, ...FILE_OPTIONS.map((option) => given[option])];
    if (names.includes(''))
      command.error('error: an argument is empty; is a variable not set?', { exitCode: 2 });
    onParsed({ ...words, options }, options);
  });
}

function helpVerb(): Command {
  return new Command('help')
    .argument('[verb]')
    .summary('print this help, or that of a verb')
    .helpGroup('Help:')
    .helpOption(false);
}

const FILE_OPTIONS = ['config', 'secure', 'logging', 'identity'];

function globalOptions(): Option[] {
  return [
    new Option('-c, --config <file>', `configuration file (default: ${DEFAULT_CONFIG})`),
    new Option('-s, --secure <file>', 'file with secrets'),
    new Option('-l, --logging <file>', 'logging configuration'),
    new Option('--debug', 'log everything to stderr'),
    new Option('--format <format>', 'table or json (default: table)').choices(['table', 'json']),
  ];
}

function readGlobals(options: Record<string, unknown>): Globals {
  const text = (key: string) => options[key] as string | undefined;
  return {
    config: text('config') ?? DEFAULT_CONFIG,
    secure: text('secure'),
    logging: text('logging'),
    debug: options['debug'] === true,
    format: options['format'] === 'json' ? 'json' : 'table',
  };
}

/** What stands behind `--` is the command. Without `--`, words too many are most likely one, but its options are lost. */
function splitCommand(
  verb: Verb,
  command: Command,
  argv: readonly string[],
): Pick<Input, 'args' | 'command'> {
  if (!verb.takesCommand) return { args: command.args, command: undefined };
  const dashes = argv.indexOf('--');
  const behind = dashes < 0 ? [] : argv.slice(dashes + 1);
  const args = command.args.slice(0, command.args.length - behind.length);
  if (args.length > 1) {
    const rest = argv.slice(argv.indexOf(args[1] ?? '')).join(' ');
    command.error(`error: put -- before the command: nodepool ${verb.name} ${args[0] ?? ''} -- ${rest}`, {
      exitCode: 2,
    });
  }
  if (args.length < 1)
    command.error(`error: missing required argument '${verb.arguments ?? ''}'`, { exitCode: 2 });
  return { args, command: behind.length === 0 ? undefined : behind };
}

/** Turns our errors into commander's, which names the option. */
function complain(parse: (text: string) => unknown): (text: string) => unknown {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw error instanceof UsageError ? new InvalidArgumentError(error.message) : error;
    }
  };
}

/** `hold <node-id>` */
function termOf(name: string, verbs: readonly Verb[]): string {
  const verb = verbs.find((candidate) => candidate.name === name);
  return [name, verb?.arguments, verb?.takesCommand && '[-- command...]'].filter(Boolean).join(' ');
}

function examplesOf({ examples }: Verb): string {
  const lines = examples.map(([command, remark]) => `  # ${remark}\n  nodepool ${command}`);
  return `\nExamples:\n${lines.join('\n')}`;
}

function outputOf({ stdout, stderr }: Pick<Io, 'stdout' | 'stderr'>) {
  return {
    writeOut: (text: string) => void stdout.write(text),
    writeErr: (text: string) => void stderr.write(text),
    outputError: (text: string, write: (text: string) => void) =>
      write(text.replace(/^error: /, 'nodepool: ').replace(' is invalid. expected', ': expected')),
    getOutHelpWidth: () => Math.min(stdout.columns ?? 100, 100),
    getErrHelpWidth: () => Math.min(stderr.columns ?? 100, 100),
  };
}
