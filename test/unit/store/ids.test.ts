import t from 'tap';
import { StoreError } from '../../../src/errors.ts';
import { checkId, isId } from '../../../src/store/ids.ts';

t.test('ids that cannot be part of a path are refused', async (t) => {
  for (const id of ['', '.', '..', 'a/b', 'a\nb', 'a\u0000', 'x'.repeat(256), 'lock']) {
    t.throws(() => checkId('nodes', id), StoreError, JSON.stringify(id).slice(0, 20));
  }
  for (const id of ['0000000001', '200-0000000001', 'runc~pool%2F1', 'host.example.net0000000001'])
    checkId('nodes', id);
});

t.test('ids of components have two parts', async (t) => {
  t.equal(isId('components', 'pool/host0000000001'), true);
  for (const id of ['host0000000001', 'pool/', '/host', 'pool/host/x', 'pool/..']) {
    t.throws(() => checkId('components', id), { message: /2 parts/ }, id);
  }
});
