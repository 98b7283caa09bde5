export interface PortRange {
  first: number;
  last: number;
}

/** `22022-65535`; undefined when the text is no such range. */
export function parsePortRange(text: string): PortRange | undefined {
  const found = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  if (found === null) return undefined;
  const [first, last] = [Number(found[1]), Number(found[2])];
  return first >= 1024 && first <= last && last <= 65535 ? { first, last } : undefined;
}

/**
 * Where to look for a free port first: the lowest port that this launcher does not use itself. Only a hint that keeps
 * many creations at once from trying the same one; the agent's reservation and the kernel decide.
 */
export interface PortHints {
  /** Gives a port to look at first, and remembers it under the id until `release`. */
  take(id: string): number;
  /** The port that the id got in the end. */
  settle(id: string, port: number): void;
  release(id: string): void;
}

export function createPortHints({ first, last }: PortRange): PortHints {
  const portOf = new Map<string, number>();
  const used = new Map<number, number>();
  /** No port below is free: keeps a burst of many creations linear. */
  let lowest = first;

  const count = (port: number, by: number) => {
    const users = (used.get(port) ?? 0) + by;
    if (users > 0) used.set(port, users);
    else used.delete(port);
    if (users <= 0 && port < lowest) lowest = port;
  };
  const release = (id: string) => {
    const port = portOf.get(id);
    if (port === undefined) return;
    portOf.delete(id);
    count(port, -1);
  };
  const settle = (id: string, port: number) => {
    release(id);
    portOf.set(id, port);
    count(port, 1);
  };

  return {
    take(id) {
      while (lowest <= last && used.has(lowest)) lowest += 1;
      const port = lowest <= last ? lowest : first;
      settle(id, port);
      return port;
    },
    settle,
    release,
  };
}
