import t from 'tap';
import { openBuilder } from '../../support/builder.ts';
import { startPrograms } from '../../support/commands.ts';
import { until } from '../../support/poll.ts';

const YAML = `
diskimages: [{name: debian, dib-cmd: <DIB>, formats: [raw]}]
providers: [{name: cloud, driver: fake, diskimages: [{name: debian}], pools: []}]
`;

t.test('without a builder an image is accepted and not built; what is asked for waits for one', async (t) => {
  const programs = await startPrograms(t, YAML.replace('<DIB>', 'none'));
  const asked = await programs.nodepool(['image-build', 'debian']);
  t.equal(asked.code, 0, asked.stderr);
  for (const list of ['dib-image-list', 'image-list'])
    t.same(JSON.parse((await programs.nodepool([list, '--format', 'json'])).stdout), [], list);
  t.match(JSON.parse((await programs.nodepool(['image-status', '--format', 'json'])).stdout), [
    { image: 'debian', build_request: 'pending' },
  ]);

  const b = await openBuilder(t, { dir: programs.dir, yaml: YAML });
  const { id } = await b.build('debian', 'ready');
  await b.upload('cloud', 'ready');
  await until(async () => !(await b.store.buildRequests.get('debian')), { timeoutMs: 30_000 });
  t.same([...b.builds.entries.keys()], [id], 'once, in all formats');
});
