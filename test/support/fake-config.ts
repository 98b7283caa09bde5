type Section = Readonly<Record<string, unknown>>;

export interface FakeConfig {
  /** Provider sections by name, driver `fake` unless given; their pools by name; labels as names or sections. */
  providers: Readonly<Record<string, FakeProvider>>;
  /** Options of labels by name; labels that pools use need not be named here. */
  labels?: Readonly<Record<string, Section>>;
  /** Top-level keys such as `max-hold-age`. */
  more?: Section;
}

export type FakeProvider = Section & { pools: Readonly<Record<string, FakePool>> };
export type FakePool = Section & { labels?: readonly (string | (Section & { name: string }))[] };

/** A nodepool.yaml with little to write: `{ providers: { cloud: { pools: { main: { labels: ['small'] } } } } }`. */
export function fakeConfig({ providers, labels = {}, more = {} }: FakeConfig): string {
  const names = new Set(Object.keys(labels));
  const sections = Object.entries(providers).map(([name, { pools, ...options }]) => ({
    name,
    driver: 'fake',
    ...options,
    pools: Object.entries(pools).map(([pool, settings]) => {
      const used = settings.labels?.map((label) => (typeof label === 'string' ? { name: label } : label));
      for (const label of used ?? []) names.add(label.name);
      return { name: pool, ...settings, ...(used === undefined ? {} : { labels: used }) };
    }),
  }));
  const declared = [...names].map((name) => ({ name, ...labels[name] }));
  const top = { ...more, labels: declared, providers: sections };
  return Object.entries(top)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join('');
}
