import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs a program to its end; what it prints is kept only for the error. */
export async function command(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  // Not `close`: a container that was detached may keep the pipes.
  const [code] = (await once(child, 'exit')) as [number];
  child.stderr.destroy();
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: exit code ${code}\n${errors}`);
}

/** Undefined, or why the program cannot be used. */
export async function missing(program: string, ...args: string[]): Promise<string | undefined> {
  try {
    await command(program, args);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? `${program} is not installed`
      : (error as Error).message.trim();
  }
}
