import t from 'tap';
import { annotationsOf } from '../../../src/runc/mark.ts';
import { readListing } from '../../../src/runc/listing.ts';

const mark = { provider: 'p', pool: 'hv1', nodeId: '1', requestId: '2', label: 'debian' };

t.test('bundles are listed with their state; what has no mark of ours is not', (t) => {
  const text = [
    `1-debian-2\trunning\t22022\t${JSON.stringify(mark)}`,
    `2-debian-2\tdead\t\t${JSON.stringify({ ...mark, nodeId: '2' })}`,
    'somebody-elses\tdead\t\t',
    'broken\tdead\t\t{"provider":',
    '',
  ].join('\n');
  t.strictSame(readListing(text, '/base'), [
    { id: '1-debian-2', mark, state: 'running', port: 22022 },
    { id: '2-debian-2', mark: { ...mark, nodeId: '2' }, state: 'dead', port: undefined },
  ]);
  t.end();
});

t.test('containers without a bundle are known by their annotations and where the bundle was', (t) => {
  const annotations = annotationsOf(mark);
  const containers = [
    { id: 'a', status: 'running', bundle: '/base/a', annotations },
    { id: 'b', status: 'stopped', bundle: '/base/b', annotations },
    { id: 'c', status: 'running', bundle: '/elsewhere/c', annotations },
    { id: 'd', status: 'running', bundle: '/base/d' },
  ];
  const found = readListing(JSON.stringify(containers), '/base');
  t.match(found, [
    { id: 'a', state: 'running', mark },
    { id: 'b', state: 'dead' },
  ]);
  t.equal(found.length, 2);
  t.strictSame(readListing('null', '/base'), []);
  t.end();
});
