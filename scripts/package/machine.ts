/** For which machines the package is good: those like the one it is made on. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface Machine {
  /** `x86_64`, as in names of tarballs. */
  architecture: string;
  /** `amd64`, as Debian says it. */
  debian: string;
}

const ARCHITECTURES: Partial<Record<NodeJS.Architecture, Machine>> = {
  x64: { architecture: 'x86_64', debian: 'amd64' },
  arm64: { architecture: 'aarch64', debian: 'arm64' },
};
/** What every Linux with the GNU C library has; a Node.js that needs more cannot be taken along. */
const EVERYWHERE = /^(linux-vdso|ld-linux[\w-]*|lib(c|m|dl|pthread|rt|gcc_s|stdc\+\+))\.so/;

/** Throws an error that a person understands where no package can be made. */
export async function describeMachine(): Promise<Machine> {
  const machine = process.platform === 'linux' ? ARCHITECTURES[process.arch] : undefined;
  if (machine === undefined) {
    throw new Error(
      `packages are for Linux on ${Object.keys(ARCHITECTURES).join(' or ')}, and are made there; found ${process.platform} on ${process.arch}`,
    );
  }
  const foreign = (await librariesOf(process.execPath)).filter((library) => !EVERYWHERE.test(library));
  if (foreign.length > 0) {
    throw new Error(
      `${process.execPath} needs ${foreign.join(', ')}, which other machines may not have; use a Node.js from https://nodejs.org`,
    );
  }
  return machine;
}

/** `['linux-vdso.so.1', 'libdl.so.2', …]` */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ldd', [program]);
  return stdout.split('\n').flatMap((line) => /^\s*(?:\S*\/)?([^\s/]+\.so\S*)/.exec(line)?.[1] ?? []);
}
