/** Floating IPs of a real Neutron. */
import t from 'tap';
import { until } from '../support/poll.ts';
import { cloudDriver, openAccount, skip, type Account } from '../support/testcloud.ts';
import { isEmpty, patient, start, unchecked, yaml } from '../support/testcloud-launcher.ts';

t.setTimeout(0); // The suite's limit applies.

/** What a launcher leaves behind that is killed at the wrong moment. */
async function leaveBehind({ session, list }: Account): Promise<{ id: string; address: string }> {
  const networks = await list('network', '/networks', 'networks');
  const { body } = await session.call({
    service: 'network',
    method: 'POST',
    path: '/floatingips',
    json: {
      floatingip: {
        floating_network_id: networks.find(({ name }) => name === 'public')?.['id'],
        description: 'nodepool cloud-a server 00000000-0000-4000-8000-000000000000',
      },
    },
    signal: AbortSignal.timeout(60_000),
  });
  const { floatingip } = body as { floatingip: { id: string; floating_ip_address: string } };
  return { id: floatingip.id, address: floatingip.floating_ip_address };
}

t.test('two nodes take what an earlier one has left behind, and one is made', { skip }, async (t) => {
  const account = await openAccount(t);
  const left = await leaveBehind(account);
  const launcher = await start(t, yaml({ pool: unchecked }), { drivers: [cloudDriver(t)] });
  const requests = await Promise.all([launcher.fulfilled(['vm']), launcher.fulfilled(['vm'])]);
  const used = [];
  for (const { id } of requests) used.push(await launcher.use(id));
  const addresses = used.map(({ nodes }) => nodes[0]?.value.publicIpv4);
  t.equal(new Set(addresses).size, 2);
  t.ok(addresses.includes(left.address), 'the one that was there is used');
  const all = await account.list('network', '/floatingips', 'floatingips');
  t.equal(all.length, 2, 'only one more was made');
  const taken = all.find(({ id }) => id === left.id);
  const owner = used.find(({ nodes }) => nodes[0]?.value.publicIpv4 === left.address)?.nodes[0]?.value;
  t.equal(taken?.['description'], `nodepool cloud-a server ${owner?.externalId ?? ''}`);
  t.equal(taken?.['fixed_ip_address'], owner?.privateIpv4);
  for (const { finish } of used) await finish();
  await until(() => isEmpty(account), patient);
});

t.test('what was changed since it was listed is neither taken nor removed', { skip }, async (t) => {
  const account = await openAccount(t);
  const { id } = await leaveBehind(account);
  const [listed] = await account.list('network', '/floatingips', 'floatingips');
  const change = (method: 'PUT' | 'DELETE', revision: unknown) =>
    account.session.call({
      service: 'network',
      method,
      path: `/floatingips/${id}`,
      ...(method === 'PUT' && { json: { floatingip: { description: 'of another launcher' } } }),
      headers: { 'if-match': `revision_number=${String(revision)}` },
      signal: AbortSignal.timeout(60_000),
    });
  await change('PUT', listed?.['revision_number']);
  await t.rejects(change('PUT', listed?.['revision_number']), { message: /current revision/ });
  await t.rejects(change('DELETE', listed?.['revision_number']), { message: /current revision/ });
  const [now] = await account.list('network', '/floatingips', 'floatingips');
  await change('DELETE', now?.['revision_number']);
  t.same(await account.list('network', '/floatingips', 'floatingips'), []);
});
