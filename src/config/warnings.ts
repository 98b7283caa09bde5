/** What is allowed but probably not meant. */
import type { Document } from './document.ts';
import { checkLabelUse } from './labels.ts';
import { asMapping, mappingsOf } from './plain.ts';
import { unsetVariable } from './source.ts';
import { nearest, quote, type Path } from './words.ts';

export interface Warning {
  file: string;
  line?: number;
  message: string;
}

/** `nodepool.yaml:12: labels that no pool here offers: a, b` */
export function formatWarning({ file, line, message }: Warning): string {
  return `${line === undefined ? file : `${file}:${line}`}: ${message}`;
}

const SECURE_KEYS = ['zookeeper-servers', 'zookeeper-tls', 'diskimages'];
const READABLE_BY_OTHERS = 0o004;

/** For files without mistakes. */
export function warnAbout(main: Document, secure?: { document?: Document; mode: number }): Warning[] {
  const warnings = [...warnAboutMain(main)];
  if (!secure?.document) return warnings;

  const { document, mode } = secure;
  const { file } = document.source;
  if (mode & READABLE_BY_OTHERS) {
    const octal = (mode & 0o777).toString(8).padStart(4, '0');
    warnings.push({ file, message: `everybody can read this file (mode ${octal}); chmod 0640 it` });
  }
  for (const key of Object.keys(asMapping(document.value) ?? {}).filter(
    (name) => !SECURE_KEYS.includes(name),
  )) {
    const meant = nearest(key, SECURE_KEYS);
    if (meant) warnings.push(at(document, [key], `${quote(key)} means nothing here; ${quote(meant)} does`));
  }
  return warnings;
}

function* warnAboutMain(main: Document): Generator<Warning> {
  const value = asMapping(main.value) ?? {};
  const unused = checkLabelUse(value, () => undefined);
  if (unused[0]) {
    const names = unused.map(({ name }) => name).join(', ');
    yield at(main, unused[0].path, `labels that no pool here offers: ${names}`);
  }
  for (const [index, provider] of mappingsOf(value.providers)) {
    if (provider['launcher-host'] === undefined) continue;
    const path = ['providers', index, 'launcher-host'];
    yield at(main, path, '"launcher-host" is for the merge of the config repository and ignored here');
  }
  const variable = unsetVariable(main.source.text);
  if (variable) {
    const line = main.source.lineAt(main.source.text.indexOf(`%(${variable})`));
    yield { file: main.source.file, line, message: `the environment variable ${variable} is not set` };
  }
}

function at(document: Document, path: Path, message: string): Warning {
  const line = document.lineOf(path);
  return { file: document.source.file, ...(line === undefined ? {} : { line }), message };
}
