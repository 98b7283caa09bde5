/** What a person sees of a run: one line a play with its time, the task that runs now, what failed, and a table. */
import type { Failure, HostResult, ProgressEvents } from './progress.ts';

export interface ScreenOptions {
  write(text: string): void;
  /** Width of the terminal; undefined where the output is none. */
  columns: number | undefined;
  colours: boolean;
  now(): number;
}

export interface Screen extends ProgressEvents {
  /** The last play is over; prints the table. */
  end(): void;
  readonly results: readonly HostResult[];
}

export function createScreen({ write, columns, colours, now }: ScreenOptions): Screen {
  const paint = (code: number, text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const results: HostResult[] = [];
  let play:
    { name: string; startedAt: number; changes: Map<string, number>; failures: Failure[] } | undefined;

  const clear = () => columns !== undefined && write('\r\u001b[K');
  const finishPlay = () => {
    if (!play) return;
    clear();
    const seconds = `${((now() - play.startedAt) / 1000).toFixed(1)} s`;
    const changes = [...play.changes].map(([host, count]) => `${host} ${count}`);
    const outcome = changes.length === 0 ? 'unchanged' : `changed: ${changes.join(', ')}`;
    const mark = play.failures.length > 0 ? paint(31, 'failed') : `${paint(32, 'ok')}    `;
    write(`${mark} ${play.name}  ${seconds}  ${outcome}\n`);
    for (const failure of play.failures) write(describe(failure, paint));
    play = undefined;
  };
  return {
    results,
    onPlay: (name) => {
      finishPlay();
      play = { name, startedAt: now(), changes: new Map(), failures: [] };
    },
    onTask: (name) => {
      if (columns === undefined || !play) return;
      const line = `       ${play.name}: ${name}`;
      clear();
      write(paint(2, line.length < columns ? line : `${line.slice(0, columns - 2)}…`));
    },
    onChange: (host) => play?.changes.set(host, (play.changes.get(host) ?? 0) + 1),
    onFailure: (failure) => play?.failures.push(failure),
    onRecap: (result) => {
      finishPlay();
      results.push(result);
    },
    end: () => {
      finishPlay();
      if (results.length > 0) write(renderRecap(results, paint));
    },
  };
}

type Paint = (code: number, text: string) => string;

function describe({ host, task, unreachable, message }: Failure, paint: Paint): string {
  const what = unreachable ? 'does not answer' : `failed at "${task}"`;
  const detail = message.split('\n').map((line) => `         ${line}\n`);
  return `       ${paint(31, host)} ${what}:\n${detail.join('')}`;
}

function renderRecap(results: readonly HostResult[], paint: Paint): string {
  const width = Math.max(...results.map(({ host }) => host.length));
  return results
    .map(({ host, changed, unreachable, failed }) => {
      const state =
        unreachable > 0
          ? paint(31, 'unreachable')
          : failed > 0
            ? paint(31, 'failed')
            : changed > 0
              ? paint(33, `${changed} changed`)
              : paint(32, 'unchanged');
      return `  ${host.padEnd(width)}  ${state}\n`;
    })
    .join('');
}
