/** What the person sees: numbered steps, commands with their output, times. Colours on a terminal only. */
import { styleText } from 'node:util';

export interface Screen {
  heading(text: string): void;
  step(title: string): void;
  /** Something that was done or is worth knowing. */
  note(text: string): void;
  command(line: string): void;
  output(text: string): void;
  /** Ends the step with its time. */
  done(): void;
  problem(text: string): void;
}

type Style = Parameters<typeof styleText>[0];

/** @param width of the terminal; longer lines of output are cut off there. Undefined: no terminal. */
export function createScreen(
  write: (text: string) => void,
  width: number | undefined,
  colours: boolean,
): Screen {
  const paint = (style: Style, text: string) => (colours ? styleText(style, text) : text);
  const indented = (text: string, by: string) => text.trimEnd().replaceAll(/^/gm, by);
  const clipped = (text: string) =>
    width === undefined
      ? text
      : text.replaceAll(/^.+$/gm, (line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line));
  let steps = 0;
  let startedAt = 0;
  return {
    heading: (text) => write(`${paint('bold', text)}\n`),
    step(title) {
      steps += 1;
      startedAt = performance.now();
      write(`\n${paint('bold', `${steps}. ${title}`)}\n`);
    },
    note: (text) => write(`${indented(text, '   ')}\n`),
    command: (line) => write(`   ${paint('cyan', `$ ${line}`)}\n`),
    output: (text) => write(text.trim() === '' ? '' : `${paint('dim', clipped(indented(text, '   | ')))}\n`),
    done: () => write(`   ${paint('green', `done in ${seconds(performance.now() - startedAt)}`)}\n`),
    problem: (text) => write(`\n${paint('red', text)}\n`),
  };
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
