/** A map that forgets what came first when it is full: what is lost is a span, never memory. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #most: number;

  constructor(most: number) {
    super();
    this.#most = most;
  }

  override set(key: K, value: V): this {
    super.delete(key);
    super.set(key, value);
    if (this.size > this.#most) for (const [oldest] of this) return (super.delete(oldest), this);
    return this;
  }
}
