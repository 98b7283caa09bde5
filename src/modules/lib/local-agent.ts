/** The runC driver's agent on this host: the same that launchers run here over SSH. */
import { systemClock } from '../../clock.ts';
import { Agent, explain, type Variables } from '../../runc/agent.ts';
import { openLocalShell } from '../../runc/channel.ts';
import { DEFAULT_PATHS } from '../../runc/bundle.ts';
import { readHostFacts, type AgentFacts } from '../../runc/host-facts.ts';
import { ModuleError } from './run-module.ts';

const TIMEOUT_MS = 120_000;

/** Text of a successful operation; throws ModuleError with the agent's words otherwise. */
export type Run = (operation: string, variables?: Variables) => Promise<string>;

export interface LocalAgent {
  facts: AgentFacts;
  agent: Agent;
  run: Run;
}

/** Starts the agent, lets `work` use it, and ends it. */
export async function withLocalAgent<T>(base: string, work: (agent: LocalAgent) => Promise<T>): Promise<T> {
  return withAgent(base, async (agent, run) =>
    work({ facts: readHostFacts(await run('hello')), agent, run }),
  );
}

/** The same without a look at the host, which takes longer than a single step at a port. */
export async function withBareAgent<T>(base: string, work: (run: Run) => Promise<T>): Promise<T> {
  return withAgent(base, async (_, run) => (await run('enter'), await work(run)));
}

async function withAgent<T>(base: string, work: (agent: Agent, run: Run) => Promise<T>): Promise<T> {
  const shared = {
    base,
    run: DEFAULT_PATHS.run,
    host_rootfs: DEFAULT_PATHS.hostRootfs,
    agent: `module-${process.pid}`,
    session: '',
  };
  const agent = new Agent('this host', openLocalShell(), shared, systemClock, ['operate']);
  const run: Run = async (operation, variables = {}) => {
    const answer = await agent.run(operation, variables, { timeoutMs: TIMEOUT_MS });
    if (answer.code === 0) return answer.text;
    throw new ModuleError(explain(answer), { agent_code: answer.code });
  };
  try {
    return await work(agent, run);
  } finally {
    await agent.run('leave', {}, { timeoutMs: TIMEOUT_MS }).catch(() => undefined);
    agent.close();
  }
}
