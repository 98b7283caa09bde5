/** Input of sfconfig from test/fixtures/sfconfig. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, type Document } from '../../src/config/document.ts';
import { makeSource } from '../../src/config/source.ts';
import { readArch, type ReadArch } from '../../src/sfconfig/arch.ts';
import { parseOptions, type Options } from '../../src/sfconfig/options.ts';
import { readSettings, type ReadSettings } from '../../src/sfconfig/settings.ts';

export const FIXTURES = fileURLToPath(new URL('../fixtures/sfconfig/', import.meta.url));

/** Of a text; `FIXTURE` in it stands for the folder. */
export function documentOf(text: string, file: string, folder = ''): Document {
  return parse(makeSource(file, text.replaceAll('FIXTURE', folder), {}));
}

export async function readFixture(folder: string): Promise<ReadArch & ReadSettings> {
  const open = (name: string) => {
    const path = join(folder, name);
    return documentOf(existsSync(path) ? readFileSync(path, 'utf8') : '', name, folder);
  };
  const settings = await readSettings(open('sfconfig.yaml'), open('custom-vars.yaml'));
  const arch = await readArch(open('arch.yaml'), {
    fqdn: settings.settings.fqdn,
    localIp: undefined,
    enableInsecureSlaves: settings.settings.enableInsecureSlaves,
  });
  return {
    arch: arch.arch,
    settings: settings.settings,
    problems: [...arch.problems, ...settings.problems],
    notices: [...arch.notices, ...settings.notices],
  };
}

export function optionsOf(...argv: string[]): Options {
  const options = parseOptions(argv, { version: '1', out: () => undefined, err: () => undefined });
  if ('exitCode' in options) throw new Error(`refused: ${argv.join(' ')}`);
  return options;
}
