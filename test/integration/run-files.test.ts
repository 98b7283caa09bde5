/** What `npm test` makes of test files that fail in each way a file can: nothing may look like a success. */
import { join, relative } from 'node:path';
import t from 'tap';
import { runFiles } from '../../scripts/run-files.ts';

/** What each file does, and what must be told of it; nothing: it passes. */
const FILES: Record<string, { code: string; failed?: RegExp; skipped?: RegExp }> = {
  good: { code: `t.test('late', async (t) => { await sleep(200); t.ok(true, 'fine'); });` },
  wrong: {
    code: `t.test('outer', async (t) => t.equal(1, 2, 'one is two'));`,
    failed: /> outer > one is two$/,
  },
  thrown: { code: `throw new Error('at once');`, failed: /ended with exit code 1$/ },
  rejected: { code: `t.test('inner', async () => { throw new Error('no'); });`, failed: /> inner > no$/ },
  unplanned: { code: `t.plan(2); t.ok(true);`, failed: /plan/ },
  killed: {
    code: `t.ok(true); process.kill(process.pid, 'SIGKILL'); await sleep(60_000);`,
    failed: /SIGKILL$/,
  },
  exited: {
    code: `t.ok(true, 'fine'); process.on('exit', () => { process.exitCode = 3; });`,
    failed: /exit code 3$/,
  },
  hanging: { code: `t.test('waits', () => sleep(600_000));`, failed: /> waits > timeout!$/ },
  leaving: {
    code: `spawn('sleep', ['15'], { stdio: 'inherit', detached: true }).unref(); t.ok(true);`,
    failed: /still there$/,
  },
  skipping: { code: `t.test('inner', { skip: 'no root' }, () => undefined);`, skipped: /> inner: no root$/ },
  'skipping-all': { code: `t.plan(0, 'no network');`, skipped: /: no network$/ },
};

t.test('every kind of failure is told, and nothing else', async (t) => {
  const imports = [
    `import { spawn } from 'node:child_process';`,
    `import { setTimeout as sleep } from 'node:timers/promises';`,
    `import t from 'tap';`,
    `void [spawn, sleep];`,
  ].join('\n');
  const directory = t.testdir(
    Object.fromEntries(
      Object.entries(FILES).map(([name, { code }]) => [`${name}.ts`, `${imports}\n${code}\n`]),
    ),
  );
  const names = Object.keys(FILES);
  const files = names.map((name) => relative('', join(directory, `${name}.ts`)));
  const lines: string[] = [];
  const tallies = await runFiles(files, { jobs: 2, timeoutSeconds: 5 }, (text) => void lines.push(text));
  t.same(
    tallies.map(({ file }) => file),
    files,
  );
  for (const [place, name] of names.entries()) {
    const { failed, skipped } = FILES[name]!;
    const tally = tallies[place]!;
    if (failed)
      t.ok(
        tally.failed.some((title) => failed.test(title)),
        `${name}: ${tally.failed.join('; ')}`,
      );
    else t.same(tally.failed, [], name);
    if (skipped) t.match(tally.skipped, [skipped], name);
    const line = lines.find((text) => text.includes(`  ${files[place]}  `));
    t.match(line, failed ? /^FAILED/ : /^ok/, `the line of ${name}`);
  }
});
