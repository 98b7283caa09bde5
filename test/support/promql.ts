/** As much of PromQL as tells which series a query reads. */

export interface Selector {
  metric: string;
  /** Labels that the query names, in matchers and groupings. */
  labels: string[];
}

const WORDS = new Set([
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'and',
  'or',
  'unless',
  'offset',
  'bool',
]);

/** `sum by (a) (rate(m{b="c"}[5m]))` → `[{ metric: 'm', labels: ['b', 'a'] }]` */
export function selectorsOf(query: string): Selector[] {
  const groupings: string[] = [];
  const bare = query
    .replace(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g, (_whole, names: string) => {
      groupings.push(...names.split(',').map((name) => name.trim()));
      return '';
    })
    .replace(/\[[^\]]*\]/g, '');
  const selectors: Selector[] = [];
  for (const [, metric = '', matchers = ''] of bare.matchAll(
    /([a-zA-Z_:][\w:]*)(?![\w:]*\s*\()(?:\{([^}]*)\})?/g,
  )) {
    if (WORDS.has(metric) || /^\d*e\d+$/.test(metric)) continue;
    const labels = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, name = '']) => name);
    selectors.push({ metric, labels: [...labels, ...groupings] });
  }
  return selectors;
}

/** Names of the labels of each series in an exposition: `m{a="b"} 1` → `m: [['a']]`. */
export function seriesOf(exposition: string): Map<string, string[][]> {
  const series = new Map<string, string[][]>();
  for (const line of exposition.split('\n')) {
    const [, name, labels = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) continue;
    const names = [...labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)].map(([, label = '']) => label);
    series.set(name, [...(series.get(name) ?? []), names]);
  }
  return series;
}
