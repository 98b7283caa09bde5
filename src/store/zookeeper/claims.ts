/** More than can be on their way at a time. */
const REMEMBERED = 2000;

/**
 * The records this store has made lately. Two records may be made with the same content at the same moment; when both
 * answers get lost, each caller must find another one.
 */
export class Claims {
  readonly #paths = new Set<string>();

  has(path: string): boolean {
    return this.#paths.has(path);
  }

  /** False when it was claimed already. */
  claim(path: string): boolean {
    if (this.#paths.has(path)) return false;
    this.#paths.add(path);
    if (this.#paths.size > REMEMBERED) {
      for (const oldest of this.#paths) {
        this.#paths.delete(oldest);
        break;
      }
    }
    return true;
  }
}
