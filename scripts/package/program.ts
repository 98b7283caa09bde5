/** `/usr/lib/nodepool`: the commands, the packages they load when they run, and Node.js itself. */
import { chmod, cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const HOME = 'usr/lib/nodepool';
const SHEBANG = `#!/${HOME}/bin/node\n`;
/** What the build leaves outside of its bundles. */
const LOADED_AT_RUN_TIME = ['lmdb'];
/** Of a package, these are for whoever builds it anew, or for another C library. */
const NOT_NEEDED =
  /\/(\.[^/]*|src|dependencies|dict|util|bin)$|\.(md|gyp|ts|cts|map|h|musl\.node)$|rollup\.config\.js$/;
const NEEDED_TO_BUILD = ['node-addon-api'];

/** Returns the names of the commands. */
export async function stageProgram(root: string, version: string): Promise<string[]> {
  const home = join(root, HOME);
  await mkdir(join(home, 'bin'), { recursive: true });
  await cp(process.execPath, join(home, 'bin/node'));
  await cp('dist', join(home, 'dist'), { recursive: true });
  for (const name of LOADED_AT_RUN_TIME) await copyPackage(name, home);
  const facts = { name: 'sf-nodepool', version, type: 'module', license: 'Apache-2.0' };
  await writeFile(join(home, 'package.json'), `${JSON.stringify(facts, null, 2)}\n`);
  return await linkCommands(root, home);
}

/** The package, and all that it needs. */
async function copyPackage(name: string, home: string): Promise<void> {
  const target = join(home, 'node_modules', name);
  const source = join('node_modules', name);
  if (NEEDED_TO_BUILD.includes(name)) return;
  const text = await readFile(join(source, 'package.json'), 'utf8').catch(() => undefined);
  // Optional ones for other machines are not installed; a missing other one would have failed long before.
  if (text === undefined) return;
  await cp(source, target, {
    recursive: true,
    filter: (path) => path === source || !NOT_NEEDED.test(path.slice(source.length)),
  });
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(text) as {
    dependencies?: Record<string, string>;
    optionalDependencies?: Record<string, string>;
  };
  for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) {
    await copyPackage(needed, home);
  }
}

const COMMAND = /^(sfconfig|nodepool(?:-[a-z]+)?)\.c?js$/;
const commandOf = (script: string) => script.replace(/\.c?js$/, '');

async function linkCommands(root: string, home: string): Promise<string[]> {
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  const scripts = (await readdir(join(home, 'dist/bin'))).filter((file) => COMMAND.test(file));
  for (const script of scripts) {
    const path = join(home, 'dist/bin', script);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace(/^#!.*\n/, SHEBANG));
    await chmod(path, 0o755);
    await symlink(`../lib/nodepool/dist/bin/${script}`, join(root, 'usr/bin', commandOf(script)));
  }
  return scripts.map(commandOf).sort();
}
