/** Freezes plain values in depth, Maps included. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Map) {
    for (const inner of value.values()) deepFreeze(inner);
    // Object.freeze does not stop a Map's own methods.
    for (const method of ['set', 'delete', 'clear']) Object.defineProperty(value, method, { value: refuse });
    return Object.freeze(value);
  }
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

function refuse(): never {
  throw new TypeError('the configuration is frozen');
}
