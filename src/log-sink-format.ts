/** How an event becomes text. */
import type { Level, LogEvent } from './log.ts';
import { escapeControls, formatValue, toJson } from './log-sink-escape.ts';

/** Ends with a line break. `stacks`: also say where errors were made. */
export type Format = (event: LogEvent, options: { stacks: boolean }) => string;

export type FormatName = 'text' | 'json';

/**
 * `2026-01-31 12:00:00,123 INFO nodepool.reaper: [e: 3a…] [node_request: 200-1] [node: 0000000012] Deleted age=12`
 * Further lines of a message, and of an error, repeat the whole prefix and are indented by two blanks, so that no text
 * can pass for an event of its own.
 */
export function textFormat({ colour = false } = {}): Format {
  return (event, { stacks }) => {
    const level = colour ? COLOURED[event.level] : LEVEL_NAMES[event.level];
    const prefix = `${localTime(event.timeMs)} ${level} ${escapeControls(event.logger)}: ${idsOf(event)}`;
    const [first = '', ...more] = linesOf(event, stacks).map(escapeControls);
    let text = `${prefix}${first}\n`;
    for (const line of more) text += `${prefix}  ${line}\n`;
    return text;
  };
}

/** One JSON object a line. */
export const jsonFormat: Format = (event, { stacks }) => {
  const { requestId, nodeId, eventId, error, ...rest } = event.fields;
  const line: Record<string, unknown> = {
    time: new Date(event.timeMs).toISOString(),
    level: event.level,
    logger: event.logger,
    message: event.message,
    event_id: eventId ?? undefined,
    node_request: requestId,
    node: nodeId,
  };
  if (error !== undefined) {
    line.error = reasonsOf(error).join(': ');
    if (stacks && error instanceof Error) line.stack = error.stack;
  }
  for (const [key, value] of Object.entries(rest)) line[RESERVED.has(key) ? `field_${key}` : key] = value;
  return `${escapeControls(toJson(line))}\n`;
};

const RESERVED = new Set(['time', 'level', 'logger', 'message', 'event_id', 'node_request', 'node', 'stack']);

const LEVEL_NAMES: Readonly<Record<Level, string>> = {
  debug: 'DEBUG',
  info: 'INFO',
  warning: 'WARNING',
  error: 'ERROR',
};

const COLOURED: Readonly<Record<Level, string>> = {
  debug: '\u001b[2mDEBUG\u001b[0m',
  info: '\u001b[32mINFO\u001b[0m',
  warning: '\u001b[33mWARNING\u001b[0m',
  error: '\u001b[31mERROR\u001b[0m',
};

function idsOf({ fields: { eventId, requestId, nodeId } }: LogEvent): string {
  let ids = '';
  if (eventId !== undefined && eventId !== null) ids += `[e: ${escapeControls(eventId)}] `;
  if (requestId !== undefined) ids += `[node_request: ${escapeControls(requestId)}] `;
  if (nodeId !== undefined) ids += `[node: ${escapeControls(nodeId)}] `;
  return ids;
}

function linesOf({ message, fields }: LogEvent, stacks: boolean): string[] {
  const lines = message.split('\n');
  const end = lines.length - 1;
  for (const [key, value] of Object.entries(fields)) {
    if (
      value === undefined ||
      key === 'requestId' ||
      key === 'nodeId' ||
      key === 'eventId' ||
      key === 'error'
    )
      continue;
    lines[end] += ` ${key}=${formatValue(value)}`;
  }
  if (fields.error === undefined) return lines;

  const reason = reasonsOf(fields.error).join(': ').trimEnd();
  if (reason.includes('\n')) lines.push(...reason.split('\n'));
  else lines[end] += ` error=${formatValue(reason)}`;
  const stack = stacks && fields.error instanceof Error ? fields.error.stack : undefined;
  if (stack) lines.push(...stack.split('\n').filter((line) => /^\s+at /.test(line)));
  return lines;
}

const CAUSES_SHOWN = 4;

/** The message of an error and of those that caused it, each said once. */
function reasonsOf(error: unknown): string[] {
  const reasons: string[] = [];
  let next = error;
  while (next !== undefined && next !== null && reasons.length < CAUSES_SHOWN) {
    const reason =
      next instanceof Error ? next.message || next.name : typeof next === 'string' ? next : toJson(next);
    if (!reasons.some((earlier) => earlier.includes(reason))) reasons.push(reason);
    if (!(next instanceof Error)) break;
    next = next.cause;
  }
  return reasons;
}

let cachedSecond = NaN;
let cachedText = '';

/** `2026-01-31 12:00:00,123` in local time, as Python's logging writes it. */
function localTime(timeMs: number): string {
  const second = Math.floor(timeMs / 1000);
  if (second !== cachedSecond) {
    const date = new Date(second * 1000);
    const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
    cachedText = `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
    cachedSecond = second;
  }
  return `${cachedText},${String(Math.floor(timeMs - second * 1000)).padStart(3, '0')}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
