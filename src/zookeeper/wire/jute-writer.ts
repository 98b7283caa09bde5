/**
 * Writes jute, ZooKeeper's serialisation: big-endian integers, strings and buffers with a 32-bit length before them
 * (-1 for null). One writer collects all frames of a tick, so that they leave in a single write.
 */
export class JuteWriter {
  #buffer: Buffer;
  #length = 0;
  #frameStart = 0;

  constructor(capacity = 4096) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  int(value: number): void {
    this.#reserve(4);
    this.#buffer.writeInt32BE(value, this.#length);
    this.#length += 4;
  }

  long(value: bigint): void {
    this.#reserve(8);
    this.#buffer.writeBigInt64BE(value, this.#length);
    this.#length += 8;
  }

  bool(value: boolean): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value ? 1 : 0;
  }

  string(value: string): void {
    this.#reserve(4 + value.length * 3);
    const written = this.#buffer.write(value, this.#length + 4, 'utf8');
    this.#buffer.writeInt32BE(written, this.#length);
    this.#length += 4 + written;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(4 + value.length);
    this.#buffer.writeInt32BE(value.length, this.#length);
    this.#buffer.set(value, this.#length + 4);
    this.#length += 4 + value.length;
  }

  /** A buffer given as bytes or as text. */
  data(value: Uint8Array | string): void {
    if (typeof value === 'string') this.string(value);
    else this.bytes(value);
  }

  vector<T>(items: readonly T[], write: (item: T) => void): void {
    this.int(items.length);
    for (const item of items) write(item);
  }

  /** Leaves room for the length of a frame. */
  beginFrame(): void {
    this.#frameStart = this.#length;
    this.int(0);
  }

  /** Fills in the length and returns it (without its own four bytes). */
  endFrame(): number {
    const size = this.#length - this.#frameStart - 4;
    this.#buffer.writeInt32BE(size, this.#frameStart);
    return size;
  }

  /** Forgets the frame begun last. */
  dropFrame(): void {
    this.#length = this.#frameStart;
  }

  /** Hands out what has been written and starts anew. The bytes stay untouched afterwards. */
  take(): Buffer {
    const written = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    if (written.length <= 4096) return Buffer.from(written);
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(this.#buffer.length, 65536));
    return written;
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
