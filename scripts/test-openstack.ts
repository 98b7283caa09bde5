/** `npm run test:openstack`: the tests of `test/openstack/` with a real OpenStack around them. Arguments go to tap. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { withTestcloud } from './testcloud.ts';

process.chdir(join(import.meta.dirname, '..'));

await withTestcloud(async () => {
  const given = process.argv.slice(2);
  const files = given.length > 0 ? given : ['test/openstack/**/*.test.ts'];
  const child = spawn('node_modules/.bin/tap', ['run', '--jobs=1', '--timeout=600', ...files], {
    stdio: 'inherit',
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  process.exitCode = exitCode ?? 1;
});
