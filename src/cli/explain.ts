import { nowS } from '../clock.ts';
import { escapeText, formatSpan } from '../operator/cell.ts';
import { Failure } from './failure.ts';
import { requestIdOf } from './ids.ts';
import { printJson, printRows } from './print.ts';
import { readFacts } from '../operator/read-facts.ts';
import { advise, formatUse, summarise } from '../operator/summary.ts';
import type { Column } from '../operator/table.ts';
import type { Run } from './verb.ts';
import { askPools, poolKey, type PoolAnswer } from '../operator/why.ts';

/** Why a request waits, for every pool, with the figures and what to do next. */
export const run: Run = async (tools, { args }) => {
  const id = requestIdOf(args[0] ?? '');
  const facts = await readFacts(await tools.openStore());
  const request = facts.requests.find((entry) => entry.id === id);
  if (!request) {
    throw new Failure(
      `request ${id} does not exist (any more): it was never made, or its requestor has taken the nodes or withdrawn it`,
    );
  }
  const now = nowS(tools.clock);
  const answers = askPools(request, facts);
  const summary = summarise(request, answers, now);
  const advice = advise(request, answers, facts, now);

  if (tools.format === 'json') {
    printJson(tools, {
      id,
      state: request.value.state,
      node_types: request.value.nodeTypes,
      requestor: request.value.requestor,
      created_time: request.value.createdTimeS,
      summary,
      advice,
      pools: answers.map(toJson),
    });
    return 0;
  }
  const { state, nodeTypes, requestor, createdTimeS } = request.value;
  const by = requestor ? ` by ${requestor}` : '';
  const when = createdTimeS === null ? '' : `, made ${formatSpan(now - createdTimeS)} ago${by}`;
  tools.io.stdout.write(
    escapeLines(`Request ${id} for ${nodeTypes.join(', ')} is ${state}${when}.`, upperFirst(summary)),
  );
  for (const step of advice) tools.io.stdout.write(escapeLines(`  - ${step}`));
  tools.io.stdout.write('\n');
  printRows(tools, answers, COLUMNS);
  return 0;
};

/** None may be cut: who asks why wants the whole answer, in blocks where the terminal is narrow. */
const COLUMNS: readonly Column<PoolAnswer>[] = [
  { header: 'Pool', key: 'pool', value: poolKey },
  { header: 'Status', key: 'status', value: ({ status }) => status },
  { header: 'Reason', key: 'reason', value: ({ reason }) => reason },
  { header: 'In Use', key: 'used', value: ({ used, limits }) => formatUse(used, limits) },
  { header: 'Launching', key: 'launching', value: ({ launching }) => launching },
  { header: 'Last Error', key: 'last_error', value: ({ lastError }) => lastError },
];

function toJson(answer: PoolAnswer): Record<string, unknown> {
  return {
    provider: answer.provider,
    pool: answer.pool,
    launcher: answer.launcherId,
    status: answer.status,
    reason: answer.reason,
    used: answer.used,
    limits: answer.limits,
    launching: answer.launching,
    last_error: answer.lastError,
    last_error_time: answer.lastErrorTimeS,
    decided_time: answer.decidedTimeS,
  };
}

function escapeLines(...lines: string[]): string {
  return lines.map((line) => `${escapeText(line)}\n`).join('');
}

function upperFirst(sentence: string): string {
  return `${sentence.slice(0, 1).toUpperCase()}${sentence.slice(1)}.`;
}
