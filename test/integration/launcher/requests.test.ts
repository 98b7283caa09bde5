import t from 'tap';
import { startTestLauncher } from '../../support/launcher.ts';

const FAKE = `
labels:
  - name: small
  - name: big
providers:
  - name: cloud
    driver: fake
    pools:
      - name: main
        max-servers: 3
        labels:
          - name: small
          - name: big
`;

t.test('a request is fulfilled, used and its node deleted', async (t) => {
  const test = await startTestLauncher(t, FAKE);
  const request = await test.request(['small']);
  const fulfilled = await test.outcome(request.id);
  t.equal(fulfilled.value.state, 'fulfilled');
  const [nodeId] = fulfilled.value.nodes;
  const node = test.nodes.entries.get(nodeId ?? '');
  t.match(node, {
    locked: false,
    value: { state: 'ready', allocatedTo: request.id, type: ['small'], provider: 'cloud', pool: 'main' },
  });
  const used = await test.use(request.id);
  await used.finish();
  await test.wait(() => test.nodes.entries.size === 0);
});

t.test('nodes come in the order of the labels', async (t) => {
  const test = await startTestLauncher(t, FAKE);
  const request = await test.request(['big', 'small', 'big']);
  const fulfilled = await test.outcome(request.id);
  const labels = fulfilled.value.nodes.map((id) => test.nodes.entries.get(id)?.value.type);
  t.same(labels, [['big'], ['small'], ['big']]);
});

t.test('a request for an unknown label fails', async (t) => {
  const test = await startTestLauncher(t, FAKE);
  const request = await test.request(['no-such-label']);
  const failed = await test.outcome(request.id);
  t.equal(failed.value.state, 'failed');
  t.equal(failed.value.declinedBy.length, 1);
});
