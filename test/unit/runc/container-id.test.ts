import fc from 'fast-check';
import t from 'tap';
import { LONGEST_ID, makeContainerId } from '../../../src/runc/container-id.ts';

t.test('looks as operators know it', (t) => {
  const parts = { nodeId: '0000000412', label: 'runc-centos', requestId: '200-0000000017', attempt: 1 };
  t.equal(makeContainerId(parts), '0000000412-runc-centos-200-0000000017');
  t.equal(makeContainerId({ ...parts, attempt: 2 }), '0000000412-runc-centos-200-0000000017-2');
  t.equal(makeContainerId({ ...parts, label: '../é x_y/' }), '0000000412-e-x-y-200-0000000017');
  t.equal(makeContainerId({ ...parts, label: '漢字' }), '0000000412-x-200-0000000017');
  t.end();
});

t.test('is a name for runC, a directory and a host, whatever the label', (t) => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[0-9]{1,12}$/),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.oneof(fc.uuid(), fc.stringMatching(/^[0-9]{3}-[0-9]{10}$/)),
      fc.integer({ min: 1, max: 9 }),
      (nodeId, label, requestId, attempt) => {
        const id = makeContainerId({ nodeId, label, requestId, attempt });
        const next = makeContainerId({ nodeId, label, requestId, attempt: attempt + 1 });
        return (
          /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(id) &&
          id.length <= LONGEST_ID &&
          id.startsWith(`${nodeId}-`) &&
          id !== next
        );
      },
    ),
  );
  t.end();
});
