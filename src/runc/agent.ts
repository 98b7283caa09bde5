/** The launcher's side of the agent: sends operations as lines of shell, matches the framed answers to them. */
import { createInterface } from 'node:readline';
import { asset } from '../asset.ts';
import type { Clock } from '../clock.ts';
import { HostError } from '../errors.ts';
import type { Channel } from './channel.ts';
import { quote } from '../shell.ts';

const PARTS = ['main', 'rootfs', 'ports', 'create', 'destroy', 'look', 'console'];
/** So much of what a shell says by itself is kept for error messages. */
const STDERR_LIMIT = 2000;

/** Shell variables of one operation. */
export type Variables = Readonly<Record<string, string | number>>;

export interface Answer {
  /** 0 is success; the agent's files say what the others are. */
  code: number;
  text: string;
}

/** What went wrong, on one line: the tools' own words, then the agent's. */
export function explain({ text }: Answer): string {
  return text.trim().replace(/\s*\n\s*/g, '; ');
}

export interface RunOptions {
  timeoutMs: number;
  signal?: AbortSignal;
}

interface Pending {
  pieces: Buffer[];
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** One running agent. Operations run side by side. */
export class Agent {
  readonly ended: Promise<string>;
  readonly #host: string;
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  #lastOp = 0;
  #stderr = '';
  #endedBy: string | undefined;

  /** Starts the agent with variables that all its operations share; `more` names further files of operations. */
  constructor(host: string, channel: Channel, shared: Variables, clock: Clock, more: readonly string[] = []) {
    this.#host = host;
    this.#channel = channel;
    this.#clock = clock;
    const lines = createInterface({ input: channel.stdout, crlfDelay: Infinity });
    lines.on('line', (line) => this.#readLine(line));
    lines.on('error', () => undefined);
    channel.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (this.#stderr.length < STDERR_LIMIT) this.#stderr += text;
    });
    this.ended = channel.ended.then((reason) => this.#end(reason));
    channel.stdin.write(
      `${[...PARTS, ...more].map(textOf).join('\n')}\n${assignments(shared)}\nnp_leave_session 2>/dev/null\nnp_note_groups\n`,
    );
  }

  /**
   * Runs `np_<operation>` of the agent. Rejects with HostError when the connection is lost or no answer comes, with
   * the signal's reason when it is aborted; the operation itself then goes on until it is over.
   */
  run(operation: string, variables: Variables, { timeoutMs, signal }: RunOptions): Promise<Answer> {
    if (this.#endedBy !== undefined) return Promise.reject(new HostError(this.#host, this.#endedBy));
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const op = (this.#lastOp += 1);

    return new Promise<Answer>((resolve, reject) => {
      const finish = () => {
        this.#pending.delete(op);
        cancelTimer();
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        finish();
        reject(signal?.reason as Error);
      };
      const cancelTimer = this.#clock.after(timeoutMs, () => {
        finish();
        reject(new HostError(this.#host, `no answer to ${operation} within ${timeoutMs / 1000} s`));
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(op, {
        pieces: [],
        resolve: (answer) => (finish(), resolve(answer)),
        reject: (error) => (finish(), reject(error)),
      });
      // `jobs` lets the shell forget the children that have ended. Braces: a line that was cut off is not run.
      this.#channel.stdin.write(
        `jobs >/dev/null; { op=${op} ${assignments(variables)}; np_run ${operation}; } &\n`,
      );
    });
  }

  close(): void {
    this.#channel.close();
  }

  #end(reason: string): string {
    const said = this.#stderr.trim();
    this.#endedBy = said === '' ? reason : `${reason}: ${said}`;
    for (const { reject } of [...this.#pending.values()]) reject(new HostError(this.#host, this.#endedBy));
    return this.#endedBy;
  }

  /** `@7 + <base64>` or `@7 0 text`; anything else is chatter of a login script. */
  #readLine(line: string): void {
    const found = /^@(\d+) (\+|\d+) (.*)$/.exec(line);
    const pending = found && this.#pending.get(Number(found[1]));
    if (!found || !pending) return;
    const [, , kind, text = ''] = found;
    if (kind === '+') pending.pieces.push(Buffer.from(text, 'base64'));
    else
      pending.resolve({ code: Number(kind), text: Buffer.concat(pending.pieces).toString('utf8') || text });
  }
}

const texts = new Map<string, string>();

function textOf(part: string): string {
  const text = texts.get(part) ?? asset(`runc/agent/${part}.sh`);
  texts.set(part, text);
  return text;
}

/** `path='/srv/fedora' uid='1000'` */
export function assignments(variables: Variables): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${quote(String(value))}`)
    .join(' ');
}
