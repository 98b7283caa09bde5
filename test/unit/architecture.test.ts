/** Imports point downward only: the picture in docs/architecture.md, kept true. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import t from 'tap';
import ts from 'typescript';

/** Top to bottom. A folder imports from itself and from the rows below it, never from its neighbours on its row. */
const rows = [
  ['bin'],
  ['cli', 'sfconfig', 'web'],
  ['tracing'],
  ['metrics'],
  ['operator'],
  ['launcher', 'dib'],
  ['runc', 'openstack', 'directory', 'fake', 'static'],
  ['driver'],
  ['store'],
  ['config', 'ssh', 'zookeeper'],
  ['model'],
  ['src'], // the single files: errors.ts, log.ts, clock.ts, ...
];

/**
 * Each module is one file on other machines, so it takes along what it imports: the validator, and of the runC driver the
 * parts that work on the hypervisor itself. Nothing of SSH, stores or daemons.
 */
const shippedWithModules =
  /^(modules\/lib\/|runc\/(agent|bundle|channel|create-variables|host-facts|host-key|mark|options|probe)\.ts$|config\/|model\/|errors\.ts$|clock\.ts$)/;

const root = new URL('../../src/', import.meta.url);

t.test('every import in src/ points downward', async (t) => {
  const broken = sourceFiles().flatMap(checkFile);
  t.equal(broken.length, 0, broken.join('\n') || 'no import points upward or sideways');
});

t.test('tells imports that the rules allow from those that they forbid', async (t) => {
  const cases: [from: string, specifier: string, rule: RegExp | undefined][] = [
    ['cli/list.ts', './print.ts', undefined],
    ['cli/list.ts', '../operator/table.ts', undefined],
    ['operator/table.ts', '../cli/print.ts', /operator is below cli/],
    ['cli/list.ts', '../store/store.ts', undefined],
    ['store/embedded/lock.ts', '../../model/node.ts', undefined],
    ['launcher/plan.ts', '../log.ts', undefined],
    ['launcher/plan.ts', 'lmdb', undefined],
    ['launcher/plan.ts', '../cli/list.ts', /launcher is below cli/],
    ['log.ts', './model/node.ts', /src is below model/],
    ['runc/driver.ts', '../openstack/driver.ts', /runc and openstack are neighbours/],
    ['launcher/plan.ts', '../modules/lib/x.ts', /modules are for Ansible only/],
    ['launcher/plan.ts', '../newcomer/x.ts', /newcomer has no row/],
    ['launcher/plan.ts', '../../test/support/poll.ts', /outside of src/],
    ['modules/runc_container.ts', './lib/arguments.ts', undefined],
    ['modules/runc_container.ts', '../runc/bundle.ts', undefined],
    ['modules/runc_container.ts', 'node:fs', undefined],
    ['modules/runc_container.ts', './other_module.ts', /a module imports only/],
    ['modules/runc_container.ts', '../runc/driver.ts', /a module imports only/],
    ['modules/runc_container.ts', 'yaml', /a module imports only/],
  ];
  for (const [from, specifier, rule] of cases) {
    const found = brokenRule(from, specifier);
    if (rule === undefined) t.equal(found, undefined, `${from} may import ${specifier}`);
    else t.match(found, rule, `${from} may not import ${specifier}`);
  }
});

function sourceFiles(): string[] {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return paths.filter((path) => path.endsWith('.ts')).sort();
}

/** `src/launcher/plan.ts:7: imports ../cli/list.ts, but launcher is below cli` */
function checkFile(path: string): string[] {
  const text = readFileSync(new URL(path, root), 'utf8');
  return ts.preProcessFile(text).importedFiles.flatMap(({ fileName, pos }) => {
    const rule = brokenRule(path, fileName);
    const line = text.slice(0, pos).split('\n').length;
    return rule === undefined ? [] : [`src/${path}:${line}: imports ${fileName}, but ${rule}`];
  });
}

/** The rule that an import breaks, if any. `from` is relative to src/. */
function brokenRule(from: string, specifier: string): string | undefined {
  const target = specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : undefined;
  if (target?.startsWith('../')) return 'it lies outside of src/';
  if (folderOf(from) === 'modules') return brokenModuleRule(specifier, target);
  if (target === undefined) return undefined;
  return brokenRowRule(folderOf(from), folderOf(target));
}

function brokenModuleRule(specifier: string, target: string | undefined): string | undefined {
  const allowed = target === undefined ? specifier.startsWith('node:') : shippedWithModules.test(target);
  return allowed
    ? undefined
    : 'a module imports only modules/lib, code without dependencies and node: built-ins';
}

function brokenRowRule(from: string, to: string): string | undefined {
  if (from === to) return undefined;
  if (to === 'modules') return 'modules are for Ansible only';
  const [fromRow, toRow] = [rowOf(from), rowOf(to)];
  if (fromRow === -1 || toRow === -1) {
    return `${fromRow === -1 ? from : to} has no row; give it one in docs/architecture.md and here`;
  }
  if (fromRow > toRow) return `${from} is below ${to}`;
  return fromRow === toRow ? `${from} and ${to} are neighbours` : undefined;
}

function rowOf(folder: string): number {
  return rows.findIndex((row) => row.includes(folder));
}

function folderOf(path: string): string {
  const [first, second] = path.split('/');
  return first === undefined || second === undefined ? 'src' : first;
}
