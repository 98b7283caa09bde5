import t from 'tap';
import { renderTable, toObjects, type Column } from '../../../src/operator/table.ts';

interface Row {
  id: string;
  comment: string;
}
const columns: Column<Row>[] = [
  { header: 'ID', key: 'id', value: ({ id }) => id, colour: () => 'green' },
  { header: 'Comment', key: 'comment', value: ({ comment }) => comment, flexible: true },
];
const long = { id: '0000000001', comment: 'the disk of this node fills up every night' };

t.test('draws a table as PrettyTable does', async (t) => {
  t.equal(
    renderTable(columns, [{ id: '0000000001', comment: 'default' }]),
    [
      '+------------+---------+',
      '| ID         | Comment |',
      '+------------+---------+',
      '| 0000000001 | default |',
      '+------------+---------+',
      '',
    ].join('\n'),
  );
});

t.test('keeps the header of an empty table', async (t) => {
  t.equal(
    renderTable(columns, []),
    '+----+---------+\n| ID | Comment |\n+----+---------+\n+----+---------+\n',
  );
});

t.test('cuts free text, and only that, on a narrow terminal', async (t) => {
  const lines = renderTable(columns, [long], { columns: 40 }).split('\n');
  t.equal(lines[3], '| 0000000001 | the disk of this node … |');
  t.ok(lines.every((line) => line.length <= 40));
});

t.test('cuts first what tells least', async (t) => {
  const three: Column<Row>[] = [
    ...columns,
    { header: 'Declined By', key: 'by', value: () => 'launcher-with-a-long-name', flexible: 'first' },
  ];
  const [, , , row] = renderTable(three, [long], { columns: 75 }).split('\n');
  t.equal(row, `| 0000000001 | ${long.comment} | launcher-wit… |`);
  t.match(renderTable(three, [long], { columns: 60 }), '| the disk of this node fills … | launcher-w… |');
});

t.test('cuts nothing in a pipe', async (t) => {
  t.match(renderTable(columns, [long]), long.comment);
});

t.test('shows blocks where a table cannot fit', async (t) => {
  t.equal(
    renderTable(columns, [long, { id: '0000000002', comment: '' }], { columns: 20 }),
    `     ID: 0000000001\nComment: ${long.comment}\n\n     ID: 0000000002\n`,
  );
});

t.test('colours without moving the borders', async (t) => {
  const plain = renderTable(columns, [long], { columns: 100 });
  const coloured = renderTable(columns, [long], { columns: 100, colours: true });
  t.match(coloured, '\x1b[32m0000000001\x1b[0m');
  // eslint-disable-next-line no-control-regex
  t.equal(coloured.replaceAll(/\x1b\[\d+m/g, ''), plain);
});

t.test('makes JSON objects with null for what is missing', async (t) => {
  t.same(toObjects([{ header: 'A', key: 'a', value: () => undefined }], [long]), [{ a: null }]);
});
