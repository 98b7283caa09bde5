/** Shows what is being waited for: one line that updates on a terminal, a line for each change elsewhere. */
import { clip, escapeText, formatSpan } from '../operator/cell.ts';
import type { Io } from './verb.ts';

export interface Progress {
  /** What is being waited for now. The same text again is not repeated. */
  show(text: string): void;
  /** A line that stays. */
  note(text: string): void;
  /** Removes the updating line; safe to call twice. */
  stop(): void;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;

export function startProgress({ stderr }: Pick<Io, 'stderr'>): Progress {
  return stderr.isTTY ? updatingLine(stderr) : plainLines(stderr);
}

function plainLines(stderr: Io['stderr']): Progress {
  let shown = '';
  const note = (text: string) => stderr.write(`nodepool: ${escapeText(text)}\n`);
  return {
    show(text) {
      if (text === shown) return;
      shown = text;
      note(text);
    },
    note,
    stop: () => undefined,
  };
}

function updatingLine(stderr: Io['stderr']): Progress {
  const startMs = performance.now();
  let text = '';
  let frame = 0;
  const draw = () => {
    const elapsed = formatSpan((performance.now() - startMs) / 1000);
    const line = `${FRAMES[frame++ % FRAMES.length] ?? ''} ${elapsed}  ${escapeText(text)}`;
    stderr.write(`\r\x1b[K${clip(line, (stderr.columns ?? 80) - 1)}`);
  };
  const clear = () => stderr.write('\r\x1b[K');
  let timer: NodeJS.Timeout | undefined;
  return {
    show(next) {
      text = next;
      timer ??= setInterval(draw, FRAME_MS);
      draw();
    },
    note(line) {
      clear();
      stderr.write(`nodepool: ${escapeText(line)}\n`);
    },
    stop() {
      if (timer === undefined) return;
      clearInterval(timer);
      timer = undefined;
      clear();
    },
  };
}
