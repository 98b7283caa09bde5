/** Where the user is: `#/nodes?state=ready&q=debian`, to be linked to and gone back from. */
import { signal } from '@preact/signals';

export const TABS = ['nodes', 'requests', 'pools', 'held', 'images', 'plots'] as const;
export type Tab = (typeof TABS)[number];

export interface Place {
  tab: Tab;
  query: URLSearchParams;
}

export const place = signal<Place>(readPlace());
addEventListener('hashchange', () => (place.value = readPlace()));

function readPlace(): Place {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  const tab = TABS.find((name) => name === path) ?? 'nodes';
  return { tab, query: new URLSearchParams(query) };
}

export function linkTo(tab: Tab, query: Readonly<Record<string, string | undefined>> = {}): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => !!pair[1]);
  const text = new URLSearchParams(pairs).toString();
  return `#/${tab}${text === '' ? '' : `?${text}`}`;
}

/** Changes one part of the query, without a step in the history. */
export function setQuery(name: string, value: string): void {
  const { tab, query } = place.value;
  const next = { ...Object.fromEntries(query), [name]: value };
  history.replaceState(null, '', linkTo(tab, next));
  place.value = readPlace();
}
