import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { Message, TokenForm } from './actions.tsx';
import { Held } from './held.tsx';
import { Images } from './images.tsx';
import { connection, generation, records, start } from './live.ts';
import { Nodes } from './nodes.tsx';
import { linkTo, place, setQuery, TABS, type Tab } from './place.ts';
import { Plots } from './plots.tsx';
import { Pools } from './pools.tsx';
import { Requests } from './requests.tsx';

const VIEWS: Record<Tab, () => preact.JSX.Element> = {
  nodes: Nodes,
  requests: Requests,
  pools: Pools,
  held: Held,
  images: Images,
  plots: Plots,
};

function App() {
  const { tab, query } = place.value;
  const View = VIEWS[tab];
  return (
    <>
      <header>
        <nav aria-label="views">
          {TABS.map((name, index) => (
            <a key={name} href={linkTo(name)} class={name === tab ? 'chosen' : ''} title={`key ${index + 1}`}>
              {name} <Count tab={name} />
            </a>
          ))}
        </nav>
        <input
          id="search"
          type="search"
          placeholder="filter ( / )"
          aria-label="filter"
          value={query.get('q') ?? ''}
          onInput={({ currentTarget }) => setQuery('q', currentTarget.value)}
        />
        <TokenForm />
        <span class={`dot ${connection.value}`} role="status">
          {connection.value}
        </span>
      </header>
      <Message />
      <main>
        <View />
      </main>
    </>
  );
}

function Count({ tab }: { tab: Tab }) {
  void generation.value;
  if (tab === 'plots') return null;
  if (tab !== 'held') return <small>{records[tab].size}</small>;
  return <small>{[...records.nodes.values()].filter(({ state }) => state === 'hold').length}</small>;
}

/** `/` goes to the filter, Escape leaves it, 1 to 6 choose a view. */
addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLInputElement;
  const search = document.querySelector<HTMLInputElement>('#search');
  if (event.key === 'Escape' && typing) return event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const tab = TABS[Number(event.key) - 1];
  if (tab) location.hash = linkTo(tab);
  if (event.key !== '/') return;
  event.preventDefault();
  search?.focus();
});

start();
render(<App />, document.querySelector('#app') as HTMLElement);
