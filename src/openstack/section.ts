/** Mappings as they come out of YAML and JSON. */
export type Section = Readonly<Record<string, unknown>>;

export function asSection(value: unknown): Section | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Section)
    : undefined;
}

/** `over` wins key by key; mappings are merged, everything else is replaced. */
export function merge(base: Section, over: Section): Section {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const [below, above] = [asSection(base[key]), asSection(value)];
    merged[key] = below && above ? merge(below, above) : value;
  }
  return merged;
}

/** A text, or a number as one; '' for anything else, as where a service has left a field out. */
export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** Where a key stands, for messages: `auth.auth_url` → `/etc/openstack/clouds.yaml: clouds.mycloud.auth.auth_url`. */
export type Place = (key: string) => string;

/** Numbers are texts as well: a project may be called 2024. */
export function readText(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return typeof value === 'number' ? String(value) : undefined;
}

/** YAML's own booleans, and the texts that the environment can give. */
export function readFlag(value: unknown, absent: boolean): boolean {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return absent;
  return ['true', '1', 'yes', 'on'].includes(value.toLowerCase());
}
