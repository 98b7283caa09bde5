import { ProtocolError } from '../errors.ts';

const empty = Buffer.alloc(0);

/** Reads jute from one frame. Every length is checked against what is left; a wrong one throws ProtocolError. */
export class JuteReader {
  readonly #buffer: Buffer;
  readonly #view: DataView;
  #position = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#buffer.length - this.#position;
  }

  int(): number {
    return this.#view.getInt32(this.#advance(4));
  }

  long(): bigint {
    return this.#view.getBigInt64(this.#advance(8));
  }

  /** A long that is known to be small, such as a time in milliseconds. */
  longAsNumber(): number {
    const at = this.#advance(8);
    return this.#view.getInt32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
  }

  bool(): boolean {
    return this.#buffer[this.#advance(1)] !== 0;
  }

  string(): string {
    const size = this.#length();
    const at = this.#advance(size);
    return this.#buffer.toString('utf8', at, at + size);
  }

  /** A view into the frame, not a copy. Null arrives as empty. */
  bytes(): Buffer {
    const size = this.#length();
    if (size === 0) return empty;
    const at = this.#advance(size);
    return this.#buffer.subarray(at, at + size);
  }

  vector<T>(read: () => T): T[] {
    const count = this.int();
    // Every item takes at least one byte, so a larger count is a lie and must not become an allocation.
    if (count > this.left) throw new ProtocolError(`a list of ${count} items in ${this.left} bytes`);
    const items: T[] = [];
    for (let index = 0; index < count; index++) items.push(read());
    return items;
  }

  /** Length of what follows; -1 stands for null, which is read as empty. */
  #length(): number {
    const size = this.int();
    if (size < -1) throw new ProtocolError(`a negative length, ${size}`);
    return Math.max(size, 0);
  }

  #advance(size: number): number {
    const at = this.#position;
    if (size > this.#buffer.length - at) {
      throw new ProtocolError(`the answer ends too early: ${size} bytes wanted, ${this.left} left`);
    }
    this.#position = at + size;
    return at;
  }
}
