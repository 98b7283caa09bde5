/** The runC driver's agent on this host: the same that launchers run here over SSH. */
import { systemClock } from '../../clock.ts';
import { Agent, explain, type Variables } from '../../runc/agent.ts';
import { openLocalShell } from '../../runc/channel.ts';
import { DEFAULT_PATHS } from '../../runc/bundle.ts';
import { readHostFacts, type AgentFacts } from '../../runc/host-facts.ts';
import { ModuleError } from './run-module.ts';

const TIMEOUT_MS = 120_000;

export interface LocalAgent {
  facts: AgentFacts;
  agent: Agent;
  /** Text of a successful operation; throws ModuleError with the agent's words otherwise. */
  run(operation: string, variables?: Variables): Promise<string>;
}

/** Starts the agent, lets `work` use it, and ends it. */
export async function withLocalAgent<T>(base: string, work: (agent: LocalAgent) => Promise<T>): Promise<T> {
  const shared = {
    base,
    run: DEFAULT_PATHS.run,
    host_rootfs: DEFAULT_PATHS.hostRootfs,
    agent: `module-${process.pid}`,
    session: '',
  };
  const agent = new Agent('this host', openLocalShell(), shared, systemClock, ['operate']);
  const run = async (operation: string, variables: Variables = {}) => {
    const answer = await agent.run(operation, variables, { timeoutMs: TIMEOUT_MS });
    if (answer.code === 0) return answer.text;
    throw new ModuleError(explain(answer), { agent_code: answer.code });
  };
  try {
    const facts = readHostFacts(await run('hello'));
    return await work({ facts, agent, run });
  } finally {
    await agent.run('leave', {}, { timeoutMs: TIMEOUT_MS }).catch(() => undefined);
    agent.close();
  }
}
