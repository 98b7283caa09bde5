/** Manual pages, made from what each command says with `--help`, so that they cannot tell anything else. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const run = promisify(execFile);
const compress = promisify(gzip);

/** Daemons and programs for root have section 8. */
const sectionOf = (command: string) => (command === 'nodepool' ? 1 : 8);

export async function writeManPages(root: string, commands: readonly string[], version: string) {
  for (const command of commands) {
    const help = await readHelp(command);
    const verbs = [...help.matchAll(/^ {2}([a-z][a-z-]+)(?= .*\S {2,}\S| {2,}\S)/gm)].map(
      ([, verb]) => verb ?? '',
    );
    const own = command === 'nodepool' ? await Promise.all(verbs.filter(isVerb).map(readVerb)) : [];
    const section = sectionOf(command);
    const directory = join(root, `usr/share/man/man${section}`);
    await mkdir(directory, { recursive: true });
    const page = renderPage({ command, section, version, help, verbs: own });
    await writeFile(join(directory, `${command}.${section}.gz`), await compress(page, { level: 9 }));
  }
}

const isVerb = (word: string) => word !== 'help';

async function readVerb(verb: string): Promise<{ verb: string; help: string }> {
  return { verb, help: await readHelp('nodepool', verb) };
}

async function readHelp(command: string, ...verb: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [await findScript(command), ...verb, '--help']);
  return stdout.trimEnd();
}

async function findScript(command: string): Promise<string> {
  const found = (await readdir('dist/bin')).find((file) => new RegExp(`^${command}\\.c?js$`).test(file));
  return `dist/bin/${found ?? command}`;
}

interface Page {
  command: string;
  section: number;
  version: string;
  help: string;
  verbs: readonly { verb: string; help: string }[];
}

/** man(7) source. */
export function renderPage({ command, section, version, help, verbs }: Page): string {
  const [usage = '', ...rest] = help.split('\n');
  const [summary = '', ...paragraphs] = rest.join('\n').trim().split('\n\n');
  const oneLine = summary.replace(/\s+/g, ' ').replace(/\.$/, '');
  return [
    `.TH ${command.toUpperCase()} ${section} "" "sf-nodepool ${version}" "Nodepool"`,
    '.SH NAME',
    `${escape(command)} \\- ${escape(oneLine.charAt(0).toLowerCase() + oneLine.slice(1))}`,
    '.SH SYNOPSIS',
    `.B ${escape(usage.replace(/^Usage: /, ''))}`,
    '.SH DESCRIPTION',
    verbatim(paragraphs.join('\n\n')),
    ...verbs.flatMap(({ verb, help: own }) => [`.SH ${verb.toUpperCase()}`, verbatim(own)]),
    '.SH FILES',
    verbatim(
      '/etc/nodepool/nodepool.yaml  the configuration\n/etc/nodepool/secure.conf    secrets\n/var/log/nodepool            logs',
    ),
    '',
  ].join('\n');
}

/** As it stands, in a fixed-width block. */
function verbatim(text: string): string {
  return ['.nf', ...text.split('\n').map(escape), '.fi'].join('\n');
}

/** A line that roff prints as it is: no escapes, no requests, and hyphens that can be copied. */
export function escape(line: string): string {
  return line
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}
