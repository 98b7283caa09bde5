/** An operator reads the log of a build in a browser, on the web server of the installation. */
import t from 'tap';
import { until } from '../../support/poll.ts';
import { FQDN, makePackage, makeSite, skipSites, type Site } from '../../support/site.ts';

t.setTimeout(0); // The suite's limit applies.

const patience = (what: string) => ({ timeoutMs: 120_000, intervalMs: 1000, what });

t.test('build logs are at https://FQDN/nodepool-log/', { skip: await skipSites() }, async (t) => {
  const deb = await makePackage(t, '1.0.0');
  const site = await makeSite(t, { hypervisors: 1, network: '10.77.33', deb });
  const { server, hypervisors, sfconfig } = site;
  const [builder] = hypervisors as [(typeof hypervisors)[0]];
  await site.write('/etc/software-factory/arch.yaml', archOf(site));
  const first = await sfconfig();
  t.equal(first.code, 0, first.output);
  t.comment('seconds of the first run', first.times);
  await pushImage(site);
  await site.run('apt-get -qq install -y --no-install-recommends curl');

  /** As a browser on the install-server sees it. */
  const get = async (path: string, scheme = 'https') => {
    const curl = `curl --silent --insecure --max-time 20 --write-out '\\n%{http_code} %{content_type}'`;
    const { output } = await site.run(`${curl} ${scheme}://${FQDN}${path}`);
    const [, body = '', status = '', type = ''] = /^(.*)\n(\d{3}) (.*)$/s.exec(output) ?? [];
    return { body, status: Number(status), type };
  };

  await t.test('the list, and a log as plain text, from a builder on another host', async (t) => {
    const ended = async () => {
      const { body } = await get('/nodepool-log/');
      const [, name] = /href="\.\/(broken-\w+\.log)"/.exec(body) ?? [];
      const log = name === undefined ? undefined : await get(`/nodepool-log/${name}`);
      return log?.body.includes('Exit code:') ? log : undefined;
    };
    const log = await until(ended, patience('the log of a build that has ended'));
    t.match(log, { status: 200, type: /^text\/plain/ });
    t.match(log.body, /no-such-element/);
    t.match(log.body, /\nExit code: [1-9]\d*\n$/);
    t.match(await get('/nodepool-log/'), { status: 200, type: /^text\/html/ });
    t.equal((await get('/nodepool-log')).status, 301);
    t.equal((await get('/nodepool-log/', 'http')).status, 200);
    for (const path of [
      '/nodepool-log/%2e%2e/node-list',
      '/nodepool-log/..%2f..%2fetc%2fpasswd',
      '/node-list',
    ])
      t.equal((await get(path)).status, 404, path);
  });

  await t.test('another run changes nothing', async (t) => {
    const { code, output, hosts } = await sfconfig();
    t.equal(code, 0, output);
    t.same(hosts, { [`h1.${FQDN}`]: 'unchanged', [`h2.${FQDN}`]: 'unchanged' });
  });

  await t.test(
    'a builder that is away is told at once, and is there again as soon as it is back',
    async (t) => {
      await builder.ssh('systemctl stop nodepool-builder');
      t.equal((await get('/nodepool-log/')).status, 503);
      await builder.ssh('systemctl start nodepool-builder');
      const back = async () => (await get('/nodepool-log/')).status === 200;
      await until(back, patience('the list to be back'));
    },
  );

  await t.test('erase takes it from the web server, which goes on with what else it has', async (t) => {
    t.equal((await get('/')).status, 200);
    const { code, output } = await sfconfig('--erase', '--yes');
    t.equal(code, 0, output);
    t.equal(await server.ssh("find /etc/apache2 -name '*nodepool*'"), '');
    t.match(await server.ssh('curl --silent --head http://127.0.0.1/nodepool-log/ | head -1'), ' 404 ');
    t.match(await server.ssh('curl --silent --head http://127.0.0.1/ | head -1'), ' 200 ');
  });
});

function archOf({ server, hypervisors: [builder] }: Site): string {
  return `inventory:
  - {name: h1, ip: ${server.address}, roles: [install-server, gateway, zookeeper, nodepool-launcher]}
  - {name: h2, ip: ${builder?.address}, roles: [nodepool-builder]}
`;
}

/** One whose build fails, which is when people want to see a log. */
async function pushImage({ write, run }: Site): Promise<void> {
  const clone = 'git clone --quiet /var/lib/software-factory/git/config.git /root/change && cd /root/change';
  const author = 'git config user.name operator && git config user.email operator@example.org';
  await run(`${clone} && ${author}`);
  const images = 'diskimages:\n  - name: broken\n    elements: [no-such-element]\n    formats: [raw]\n';
  await write('/root/change/nodepool/images.yaml', images);
  const { code, output } = await run(
    'cd /root/change && git add --all && git commit --quiet --message Images && git push origin HEAD:master',
  );
  if (code !== 0) throw new Error(`cannot push the image:\n${output}`);
}
