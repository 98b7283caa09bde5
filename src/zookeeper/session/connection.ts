import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ErrorCode, errorOfCode, ProtocolError, TooLargeError } from '../errors.ts';
import type { FrameSplitter } from '../wire/frame-splitter.ts';
import { JuteReader } from '../wire/jute-reader.ts';
import { JuteWriter } from '../wire/jute-writer.ts';
import { OpCode, SpecialXid } from '../wire/opcodes.ts';
import type { Call } from './call.ts';
import { KeepAlive } from './keep-alive.ts';
import { Queue } from './queue.ts';

/** What a connection tells the session. All are called in the order in which the server sent things. */
export interface ConnectionHandlers {
  onEvent(type: number, path: string): void;
  /** Before the call is settled, so that its watch is known when the next event is read. */
  onReply(call: Call, code: number, zxid: bigint): void;
  /** What has been collected is leaving. */
  onWrite(): void;
  /** Once. `unanswered` are the calls written but not answered, in order. */
  onClose(error: Error, unanswered: Call[]): void;
}

/** Answer to a request that is not a call (authentication, watches set again), or that the connection was lost. */
type ControlReply = (code: number) => void;

const maxXid = 0x7fff_ffff;

/** What has been collected leaves when all that has arrived is read, or when it is this much; with TLS a whole record. */
const flushBytes = { plain: 4096, encrypted: 16_384 };

/**
 * One established connection of a session. Requests are numbered, collected during a turn of the event loop and written at
 * once; answers come in the same order.
 */
export class Connection {
  readonly server: string;
  readonly #socket: Socket;
  readonly #splitter: FrameSplitter;
  readonly #handlers: ConnectionHandlers;
  readonly #maxRequestBytes: number;
  readonly #isEncrypted: boolean;
  readonly #writer = new JuteWriter();
  readonly #unanswered = new Queue<Call>();
  readonly #control = {
    [SpecialXid.auth]: new Queue<ControlReply>(),
    [SpecialXid.setWatches]: new Queue<ControlReply>(),
  };
  readonly #keepAlive: KeepAlive;
  #xid = 0;
  #flushing = false;
  #closed = false;

  constructor(options: {
    server: string;
    socket: Socket;
    splitter: FrameSplitter;
    timeoutMs: number;
    /** When the handshake was sent, by `performance.now()`. */
    openedAt: number;
    maxRequestBytes: number;
    handlers: ConnectionHandlers;
  }) {
    this.server = options.server;
    this.#socket = options.socket;
    this.#splitter = options.splitter;
    this.#handlers = options.handlers;
    this.#maxRequestBytes = options.maxRequestBytes;
    this.#isEncrypted = options.socket instanceof TLSSocket;
    this.#keepAlive = new KeepAlive({
      timeoutMs: options.timeoutMs,
      provenAliveAt: options.openedAt,
      ping: () => this.#ping(),
      onDead: (silentMs) => this.destroy(new Error(`${this.server} has not answered for ${silentMs} ms`)),
    });
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('error', (error) => this.destroy(error));
    this.#socket.on('close', () => this.destroy(new Error(`${this.server} closed the connection`)));
    this.#socket.resume();
  }

  /** When the server had certainly heard from this client last, by `performance.now()`. */
  get provenAliveAt(): number {
    return this.#keepAlive.provenAliveAt;
  }

  send(call: Call): void {
    if (call.settled) return;
    this.#xid = this.#xid === maxXid ? 1 : this.#xid + 1;
    this.#writer.beginFrame();
    this.#writer.int(this.#xid);
    this.#writer.int(call.spec.opcode);
    try {
      call.spec.write(this.#writer);
    } catch (error) {
      this.#writer.dropFrame();
      return call.reject(error);
    }
    const size = this.#writer.endFrame();
    if (size > this.#maxRequestBytes) {
      this.#writer.dropFrame();
      return call.reject(requestTooLarge(call, size, this.#maxRequestBytes));
    }
    call.xid = this.#xid;
    this.#unanswered.push(call);
    this.#scheduleFlush();
  }

  sendControl(
    request: { opcode: number; write(writer: JuteWriter): void },
    xid: typeof SpecialXid.auth | typeof SpecialXid.setWatches,
    onReply: ControlReply,
  ): void {
    this.#control[xid].push(onReply);
    this.#writer.beginFrame();
    this.#writer.int(xid);
    this.#writer.int(request.opcode);
    request.write(this.#writer);
    this.#writer.endFrame();
    this.#scheduleFlush();
  }

  /** Ends the connection at once. */
  destroy(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#keepAlive.stop();
    this.#socket.destroy();
    for (const replies of Object.values(this.#control)) {
      for (const onReply of replies.drain()) onReply(ErrorCode.connectionLoss);
    }
    this.#handlers.onClose(error, this.#unanswered.drain());
  }

  #ping(): void {
    this.#writer.beginFrame();
    this.#writer.int(SpecialXid.ping);
    this.#writer.int(OpCode.ping);
    this.#writer.endFrame();
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    // Much at once leaves in parts, so that the server has work while the rest is being written.
    if (this.#writer.length >= flushBytes[this.#isEncrypted ? 'encrypted' : 'plain']) this.#write();
    if (this.#flushing) return;
    this.#flushing = true;
    // What everything that has arrived by now leads to leaves together. With TLS each answer and event is read by itself.
    if (this.#isEncrypted) setImmediate(this.#flush);
    else process.nextTick(this.#flush);
  }

  readonly #flush = () => {
    this.#flushing = false;
    this.#write();
  };

  #write(): void {
    if (this.#closed || this.#writer.length === 0) return;
    this.#handlers.onWrite();
    this.#socket.write(this.#writer.take());
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return;
    this.#keepAlive.heard();
    try {
      this.#splitter.push(chunk);
      for (let frame = this.#splitter.next(); frame && !this.#closed; frame = this.#splitter.next())
        this.#onFrame(frame);
    } catch (error) {
      // An answer over the limit would come again and again if the read were repeated: its caller must know.
      if (error instanceof TooLargeError) this.#unanswered.shift()?.reject(error);
      this.destroy(error as Error);
    }
  }

  #onFrame(frame: Buffer): void {
    const reader = new JuteReader(frame);
    const xid = reader.int();
    const zxid = reader.long();
    const code = reader.int();
    if (xid > 0) return this.#onReply(reader, xid, zxid, code);
    if (xid === SpecialXid.notification) return this.#onEvent(reader);
    if (xid === SpecialXid.ping) return this.#keepAlive.answered();
    if (xid === SpecialXid.auth || xid === SpecialXid.setWatches) return this.#onControl(xid, code);
    throw new ProtocolError(`an answer with the unknown number ${xid}`);
  }

  #onEvent(reader: JuteReader): void {
    const type = reader.int();
    reader.int();
    this.#handlers.onEvent(type, reader.string());
  }

  #onControl(xid: typeof SpecialXid.auth | typeof SpecialXid.setWatches, code: number): void {
    const onReply = this.#control[xid].shift();
    if (code === ErrorCode.unimplemented) this.#leaveOldServer('setWatches2');
    onReply?.(code);
  }

  #onReply(reader: JuteReader, xid: number, zxid: bigint, code: number): void {
    const call = this.#take(xid, code);
    this.#handlers.onReply(call, code, zxid);
    if (call.settled) return;
    if (code !== ErrorCode.ok) {
      const result = call.spec.readError?.(code);
      if (result) call.resolve(result.value);
      else call.reject(errorOfCode(code, call.spec.path));
      // A time to live is refused with the same code where it is known but switched off.
      const isUnknown = code === ErrorCode.unimplemented && call.spec.opcode !== OpCode.createTtl;
      return isUnknown ? this.#leaveOldServer(call.spec.name) : undefined;
    }
    this.#settle(call, reader);
  }

  /** The call at the head; a server that does not know a request says so at once, out of turn. */
  #take(xid: number, code: number): Call {
    const head = this.#unanswered.peek();
    if (head?.xid === xid) return this.#unanswered.shift() as Call;
    const early = code === ErrorCode.unimplemented && this.#unanswered.remove((call) => call.xid === xid);
    if (early) return early;
    throw new ProtocolError(`an answer with number ${xid}, expected ${head?.xid ?? 'none'}`);
  }

  /**
   * A server closes the connection after a request that it does not know. Leaving before that keeps calls made from now on
   * off the dying connection.
   */
  #leaveOldServer(request: string): void {
    this.destroy(new Error(`${this.server} does not know ${request} and closes the connection`));
  }

  #settle(call: Call, reader: JuteReader): void {
    let value: unknown;
    try {
      value = call.spec.read(reader);
    } catch (error) {
      call.reject(error);
      if (error instanceof ProtocolError) throw error;
      return;
    }
    call.resolve(value);
  }
}

function requestTooLarge(call: Call, size: number, limit: number): TooLargeError {
  const text = `${call.label}: a request of ${size} bytes, the limit is ${limit} (the server's is jute.maxbuffer)`;
  return new TooLargeError(ErrorCode.tooLarge, text, { path: call.spec.path });
}
