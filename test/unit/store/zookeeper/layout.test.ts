import fc from 'fast-check';
import t from 'tap';
import { isId } from '../../../../src/store/ids.ts';
import { Layout, layouts } from '../../../../src/store/zookeeper/layout.ts';

const name = fc.stringMatching(/^[a-z0-9._~%-]{1,12}$/).filter((text) => isId('nodes', text));

t.test('records are where Nodepool and Zuul have them', async (t) => {
  t.equal(layouts.nodes.recordPath('0000000412'), '/nodepool/nodes/0000000412');
  t.equal(layouts.nodes.lockPath('0000000412'), '/nodepool/nodes/0000000412/lock');
  t.equal(layouts.requests.recordPath('200-0000000017'), '/nodepool/requests/200-0000000017');
  t.equal(layouts.requests.lockPath('200-0000000017'), '/nodepool/requests-lock/200-0000000017');
  t.equal(layouts.components.recordPath('pool/nl020000000003'), '/nodepool/components/pool/nl020000000003');
});

t.test('the beginning of an id gives the beginning of a path', async (t) => {
  t.equal(layouts.nodes.recordPath(''), '/nodepool/nodes/');
  t.equal(layouts.requests.recordPath('200-'), '/nodepool/requests/200-');
  t.equal(layouts.components.recordPath('pool/host'), '/nodepool/components/pool/host');
});

t.test('a path is recognised as what it was made for', async () => {
  const layout = new Layout('things', '/a/b/{}/in/{}');
  fc.assert(
    fc.property(name, name, name, (first, second, contender) => {
      const id = `${first}/${second}`;
      const record = layout.recordPath(id);
      const lock = layout.lockPath(id);
      const places = [record, lock, `${lock}/${contender}`].map((path) => layout.placeOf(path));
      return (
        JSON.stringify(places) ===
        JSON.stringify(['record', 'lock', 'contender'].map((kind) => ({ kind, id })))
      );
    }),
  );
});

t.test('what is not part of a collection is elsewhere', async (t) => {
  const kinds = (layout: Layout, ...paths: string[]) => paths.map((path) => layout.placeOf(path).kind);
  t.same(kinds(layouts.components, '/nodepool/components', '/nodepool/components/pool'), ['above', 'above']);
  t.same(kinds(layouts.requests, '/nodepool/requests-lock', '/nodepool/requests-lock/200-1'), [
    'above',
    'lock',
  ]);
  t.same(
    kinds(
      layouts.nodes,
      '/nodepool/nodes/1/other',
      '/nodepool/nodes/1/lock/a/b',
      '/nodepool/nodes/lock',
      '/nodepool/nodes/1/other/lock',
    ),
    ['elsewhere', 'elsewhere', 'elsewhere', 'elsewhere'],
  );
});
