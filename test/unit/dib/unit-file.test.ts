import { readFileSync } from 'node:fs';
import t from 'tap';

t.test('the systemd unit of the builder does not keep sudo from working', async (t) => {
  const unit = readFileSync(new URL('../../../packaging/nodepool-builder.service', import.meta.url), 'utf8');
  // systemd.exec(5): where User= is set, each of these implies NoNewPrivileges.
  const implying =
    /^(?:NoNewPrivileges|Protect\w+|Private\w+|Restrict\w+|LockPersonality|MemoryDenyWriteExecute|SystemCall\w+|DynamicUser)=.*$/m;
  t.equal(implying.exec(unit)?.[0], undefined);
});
