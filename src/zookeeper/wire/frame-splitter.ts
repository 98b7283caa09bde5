import { ErrorCode, ProtocolError, TooLargeError } from '../errors.ts';

const nothing = Buffer.alloc(0);

/**
 * Cuts a byte stream into frames (32-bit length, then that many bytes). Bytes are copied only when a frame spans chunks,
 * and then once. A negative or too large length throws before anything is allocated for it.
 */
export class FrameSplitter {
  readonly #maxBytes: number;
  #current: Buffer = nothing;
  #position = 0;
  /** Chunks of a frame that is not complete, and how many bytes they must become. */
  #parts: Buffer[] = [];
  #partsLength = 0;
  #needed = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    if (this.#partsLength === 0) {
      if (this.#position === this.#current.length) this.#current = chunk;
      else this.#current = Buffer.concat([this.#current.subarray(this.#position), chunk]);
      this.#position = 0;
      return;
    }
    this.#parts.push(chunk);
    this.#partsLength += chunk.length;
    if (this.#partsLength < this.#needed) return;
    this.#current = Buffer.concat(this.#parts);
    this.#position = 0;
    this.#parts = [];
    this.#partsLength = 0;
  }

  /** The next complete frame without its length, or undefined until more bytes are pushed. */
  next(): Buffer | undefined {
    const available = this.#current.length - this.#position;
    if (this.#partsLength > 0 || available < 4) return undefined;
    const size = this.#current.readInt32BE(this.#position);
    if (size < 0) throw new ProtocolError(`a frame of negative length, ${size}; is this a ZooKeeper server?`);
    if (size > this.#maxBytes) throw tooLarge(size, this.#maxBytes);
    if (available < 4 + size) return this.#collect(available, 4 + size);
    const start = this.#position + 4;
    this.#position = start + size;
    return this.#current.subarray(start, this.#position);
  }

  /** Waits for the rest of a frame without copying what came so far again and again. */
  #collect(available: number, needed: number): undefined {
    this.#parts = [this.#current.subarray(this.#position)];
    this.#partsLength = available;
    this.#needed = needed;
    this.#current = nothing;
    this.#position = 0;
  }
}

function tooLarge(size: number, limit: number): TooLargeError {
  return new TooLargeError(
    ErrorCode.tooLarge,
    `an answer of ${size} bytes, the limit is ${limit}; raise maxReplyBytes if the server is trusted`,
  );
}
