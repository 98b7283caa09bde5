/** Reads what ansible-playbook prints (its default output) and tells what happens, play by play. */

export interface HostResult {
  host: string;
  ok: number;
  changed: number;
  unreachable: number;
  failed: number;
}

export interface ProgressEvents {
  onPlay(name: string): void;
  onTask(name: string): void;
  /** A task has changed something on a host; told once, also where it has done so for several items. */
  onChange(host: string): void;
  /** A task has failed on a host, or the host does not answer. */
  onFailure(failure: Failure): void;
  /** The final table. */
  onRecap(result: HostResult): void;
}

export interface Failure {
  host: string;
  task: string;
  unreachable: boolean;
  /** The module's message. */
  message: string;
}

export interface ProgressReader {
  /** To be called with each line. */
  read(line: string): void;
  /** After the last one. */
  end(): void;
}

export function createProgressReader(events: ProgressEvents): ProgressReader {
  let task = '';
  let inRecap = false;
  /** By the task that runs. */
  const changed = new Set<string>();
  const tellChange = (host: string) => {
    if (!changed.has(host)) events.onChange(host);
    changed.add(host);
  };
  /** Told when the next line does not take it back. */
  let failure: Failure | undefined;
  const tellFailure = () => {
    if (failure) events.onFailure(failure);
    failure = undefined;
  };
  return {
    read: (line) => {
      if (line === '...ignoring') failure = undefined;
      tellFailure();
      const play = /^PLAY \[(.*)\] \*+$/.exec(line);
      const header = /^(?:TASK|RUNNING HANDLER) \[(.*)\] \*+$/.exec(line);
      const change = /^changed: \[([^\]]+)\]/.exec(line);
      if (play) events.onPlay(play[1] as string);
      else if (/^PLAY RECAP \*+$/.test(line)) inRecap = true;
      else if (header) {
        changed.clear();
        events.onTask((task = header[1] as string));
      } else if (change) tellChange(hostOf(change[1] as string));
      else if (inRecap) readRecap(line, events);
      else failure = readFailure(line, task);
    },
    end: tellFailure,
  };
}

/** `fatal: [h1]: FAILED! => {…}`, and `failed: [h1] (item=…) => {…}` of a loop. */
function readFailure(line: string, task: string): Failure | undefined {
  const fatal = /^fatal: \[([^\]]+)\]: (FAILED|UNREACHABLE)! => (.*)$/.exec(line);
  const item = /^failed: \[([^\]]+)\] \(item=.*?\) => (\{.*)$/.exec(line);
  if (fatal) {
    const [, host, kind, json] = fatal as unknown as [string, string, string, string];
    return { host: hostOf(host), task, unreachable: kind === 'UNREACHABLE', message: messageIn(json) };
  }
  if (!item) return undefined;
  const [, host, json] = item as unknown as [string, string, string];
  return { host: hostOf(host), task, unreachable: false, message: messageIn(json) };
}

/** `h1 -> localhost` is a task that another machine does for h1. */
function hostOf(text: string): string {
  return text.split(' -> ')[0] as string;
}

/** What a module says, with the end of what its command wrote. */
function messageIn(json: string): string {
  try {
    const { msg, stderr, stdout, module_stderr: crash } = JSON.parse(json) as Record<string, unknown>;
    const detail = [stderr, crash, stdout].find((text) => typeof text === 'string' && text.trim() !== '');
    const parts = [msg, detail].filter((part) => typeof part === 'string').map((part) => lastLines(part));
    return [...new Set(parts)].join('\n') || 'no reason was given';
  } catch {
    return json;
  }
}

const SHOWN_LINES = 12;

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-SHOWN_LINES).join('\n');
}

function readRecap(line: string, events: ProgressEvents): void {
  const row = /^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)/.exec(line);
  if (!row) return;
  const [ok, changed, unreachable, failed] = row.slice(2).map(Number) as [number, number, number, number];
  events.onRecap({ host: row[1] as string, ok, changed, unreachable, failed });
}
