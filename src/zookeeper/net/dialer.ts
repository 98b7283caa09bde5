import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerFailure } from '../errors.ts';
import { formatServer, type Server } from '../servers.ts';
import type { FrameSplitter } from '../wire/frame-splitter.ts';
import type { ConnectRequest, ConnectResponse } from '../wire/handshake.ts';
import { describeFailure } from './describe-failure.ts';
import { NoAnswerError, shakeHands } from './handshake.ts';
import { openSocket } from './open-socket.ts';
import { loadTls, type TlsOptions } from './tls.ts';

/** A server that has answered. */
export interface Dialed {
  server: string;
  socket: Socket;
  splitter: FrameSplitter;
  response: ConnectResponse;
  /** When the request was sent, by `performance.now()`. */
  openedAt: number;
}

export interface DialerOptions {
  servers: readonly Server[];
  tls?: TlsOptions | undefined;
  /** For one server, from opening the socket to its answer. */
  connectTimeoutMs: number;
  maxReplyBytes: number;
  /** Pause after all servers have failed: doubles from the first to the largest, each time shortened at random. */
  backoff: { firstMs: number; maxMs: number };
}

/** Finds a server that answers, in random order, again and again. */
export class Dialer {
  readonly #options: DialerOptions;
  #order: Server[];
  #next = 0;
  #pauses = 0;
  readonly #reasons = new Map<string, string>();
  #trying: string | undefined;
  #working: string | undefined;
  /** How many times in a row a server was reached but closed the connection instead of answering. */
  unanswered = 0;

  constructor(options: DialerOptions) {
    this.#options = options;
    this.#order = shuffle(options.servers);
  }

  /** Why each server failed when it was tried last; those that worked are not in it. */
  get failures(): ServerFailure[] {
    const names = this.#options.servers.map(formatServer).filter((name) => name !== this.#working);
    return names.map((server) => {
      const unknown = server === this.#trying ? 'no answer so far' : 'not tried yet';
      return { server, reason: this.#reasons.get(server) ?? unknown };
    });
  }

  /** Resolves with the first server that answers; rejects only with the signal's reason. */
  async dial(request: () => ConnectRequest, signal: AbortSignal): Promise<Dialed> {
    for (;;) {
      for (let count = 0; count < this.#order.length; count++) {
        const dialed = await this.#try(this.#take(), request(), signal);
        if (dialed) return dialed;
      }
      await this.pause(signal);
    }
  }

  /** Waits a little longer every time it is called, until `calm`. */
  async pause(signal: AbortSignal): Promise<void> {
    const { firstMs, maxMs } = this.#options.backoff;
    const longest = Math.min(maxMs, firstMs * 2 ** Math.min(this.#pauses++, 30));
    await sleep(longest * (0.5 + Math.random() / 2), undefined, { signal });
  }

  /** A connection has proven to be good: the next pause is short again. */
  calm(): void {
    this.#pauses = 0;
  }

  #take(): Server {
    return this.#order[this.#next++ % this.#order.length] as Server;
  }

  async #try(server: Server, request: ConnectRequest, signal: AbortSignal): Promise<Dialed | undefined> {
    const { tls, maxReplyBytes, connectTimeoutMs } = this.#options;
    const limit = AbortSignal.timeout(Math.ceil(connectTimeoutMs));
    const either = AbortSignal.any([signal, limit]);
    const name = formatServer(server);
    this.#trying = name;
    this.#working = undefined;
    let tlsOptions: Awaited<ReturnType<typeof loadTls>> | undefined;
    try {
      tlsOptions = tls && (await loadTls(tls));
      const socket = await openSocket(server, {
        ...(tlsOptions && { tlsOptions }),
        ...(tls?.serverName !== undefined && { serverName: tls.serverName }),
        signal: either,
      });
      const openedAt = performance.now();
      const { response, splitter } = await shakeHands(socket, { request, maxReplyBytes, signal: either });
      this.#reasons.delete(name);
      this.#working = name;
      this.unanswered = 0;
      return { server: name, socket, splitter, response, openedAt };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NoAnswerError) this.unanswered++;
      this.#reasons.set(name, describeFailure(error, tlsOptions));
      return undefined;
    }
  }
}

function shuffle<T>(items: readonly T[]): T[] {
  const shuffled = [...items];
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [shuffled[last], shuffled[other]] = [shuffled[other] as T, shuffled[last] as T];
  }
  return shuffled;
}
