/**
 * Amounts of what nodes use: `{ instances: 1, cores: 2, ram: 4096, volumes: 1, 'volume-gb': 40 }` and whatever else a
 * driver counts. RAM is in MiB. A missing key is 0 as usage and unlimited as a limit.
 */
export type Resources = Readonly<Record<string, number>>;

export const NO_RESOURCES: Resources = Object.freeze({});

export function addResources(a: Resources, b: Resources): Resources {
  const sum: Record<string, number> = { ...a };
  for (const [key, amount] of Object.entries(b)) sum[key] = (sum[key] ?? 0) + amount;
  return sum;
}

export function subtractResources(a: Resources, b: Resources): Resources {
  const difference: Record<string, number> = { ...a };
  for (const [key, amount] of Object.entries(b)) difference[key] = (difference[key] ?? 0) - amount;
  return difference;
}

/**
 * The first resource that would exceed the limits if `need` came on top of `used`; undefined when all fits.
 * Only what is needed is looked at: a node without volumes fits where the volumes are used up.
 */
export function findExceeded(
  limits: Resources,
  used: Resources,
  need: Resources,
): { resource: string; limit: number; used: number; need: number } | undefined {
  for (const [resource, amount] of Object.entries(need)) {
    const limit = limits[resource];
    const inUse = used[resource] ?? 0;
    if (limit !== undefined && amount > 0 && inUse + amount > limit) {
      return { resource, limit, used: inUse, need: amount };
    }
  }
  return undefined;
}
