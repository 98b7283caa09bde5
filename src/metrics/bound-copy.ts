/**
 * An object with the same members, each function bound to the original once, to replace some of them: a copy of a class
 * instance would lose its methods, and one that only inherits its private fields.
 */
export function boundCopy<T extends object>(original: T): T {
  const copy = {};
  for (let layer: object | null = original; layer && layer !== Object.prototype; layer = prototypeOf(layer)) {
    for (const name of Reflect.ownKeys(layer)) {
      if (name === 'constructor' || Object.hasOwn(copy, name)) continue;
      const value: unknown = isGetter(layer, name) ? undefined : Reflect.get(original, name);
      if (typeof value === 'function') Object.defineProperty(copy, name, held(value.bind(original)));
      else Object.defineProperty(copy, name, { ...SHOWN, get: () => Reflect.get(original, name) as unknown });
    }
  }
  return copy as T;
}

const SHOWN = { configurable: true, enumerable: true };
const held = (value: unknown) => ({ ...SHOWN, writable: true, value });

function prototypeOf(layer: object): object | null {
  return Object.getPrototypeOf(layer) as object | null;
}

function isGetter(layer: object, name: PropertyKey): boolean {
  return Object.getOwnPropertyDescriptor(layer, name)?.get !== undefined;
}
