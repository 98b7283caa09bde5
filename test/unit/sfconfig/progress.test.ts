import t from 'tap';
import { createProgressReader } from '../../../src/sfconfig/progress.ts';
import { createScreen } from '../../../src/sfconfig/screen.ts';

const OUTPUT = `
PLAY [Install zookeeper] *******************************************************

TASK [Gathering Facts] *********************************************************
ok: [h1]

TASK [zookeeper : Install the package] *****************************************
changed: [h1] => (item=one)
changed: [h1] => (item=two)
changed: [h2 -> localhost]
FAILED - RETRYING: [h1]: Check (60 retries left).

RUNNING HANDLER [zookeeper : Restart ZooKeeper] ********************************
changed: [h1]

PLAY [Set up hypervisor-runc] **************************************************

TASK [Gathering Facts] *********************************************************
fatal: [hv1]: UNREACHABLE! => {"changed": false, "msg": "Failed to connect to the host via ssh: timed out", "unreachable": true}

TASK [Look] ********************************************************************
fatal: [hv2]: FAILED! => {"changed": false, "msg": "not there"}
...ignoring

TASK [Install] *****************************************************************
failed: [hv2] (item=git) => {"ansible_loop_var": "item", "item": "git", "msg": "non-zero return code", "stderr": "no space left on device"}

PLAY RECAP *********************************************************************
h1                         : ok=4    changed=2    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
hv1                        : ok=0    changed=0    unreachable=1    failed=0    skipped=0    rescued=0    ignored=0
hv2                        : ok=2    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=1
sf                         : ok=2    changed=0    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
`;

function show(columns?: number): { text: string; results: readonly object[] } {
  let text = '';
  let now = 0;
  const screen = createScreen({
    write: (more) => void (text += more),
    columns,
    colours: false,
    now: () => (now += 250),
  });
  const reader = createProgressReader(screen);
  for (const line of OUTPUT.split('\n')) reader.read(line);
  reader.end();
  screen.end();
  return { text, results: screen.results };
}

t.test(
  'shows a line for each play, what has failed with its reason, and every host in the end',
  async (t) => {
    const { text, results } = show();
    t.equal(
      text,
      `ok     Install zookeeper  0.3 s  changed: h1 2, h2 1
failed Set up hypervisor-runc  0.3 s  unchanged
       hv1 does not answer:
         Failed to connect to the host via ssh: timed out
       hv2 failed at "Install":
         non-zero return code
         no space left on device
  h1   2 changed
  hv1  unreachable
  hv2  failed
  sf   unchanged
`,
    );
    t.equal(results.length, 4);
  },
);

t.test(
  'on a terminal the task that runs is shown and wiped away, never wider than the terminal',
  async (t) => {
    const { text } = show(40);
    t.match(text, '\r\u001b[K');
    for (const line of text.replaceAll('\r\u001b[K', '\n').split('\n')) {
      if (line.startsWith('       Install')) t.ok(line.length < 40, line);
    }
  },
);
