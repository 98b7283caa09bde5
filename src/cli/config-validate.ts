import { loadConfigRepo } from '../config/repo/load.ts';
import { formatWarning, type Warning } from '../config/warnings.ts';
import { ConfigError, formatProblem } from '../errors.ts';
import { EXIT_FAILED, UsageError } from './failure.ts';
import { printJson, say, warn } from './print.ts';
import type { Input, Run, Tools } from './verb.ts';

/** Checks the configuration and prints every mistake. Needs neither the store nor any provider. */
export const run: Run = async (tools, input) => {
  const { file, check } = chooseCheck(tools, input);
  try {
    const warnings = await check();
    if (tools.format === 'json') printJson(tools, { file, valid: true, problems: [], warnings });
    else for (const warning of warnings) warn(tools, `warning: ${formatWarning(warning)}`);
    say(tools, `${file} is valid`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { problems } = error;
    if (tools.format === 'json') printJson(tools, { file, valid: false, problems, warnings: [] });
    else for (const problem of problems) tools.io.stderr.write(`${formatProblem(problem)}\n`);
    return EXIT_FAILED;
  }
};

/** What is checked, and how; the check answers warnings and throws ConfigError. */
function chooseCheck(
  tools: Tools,
  { args, options }: Input,
): { file: string; check: () => Promise<readonly Warning[]> } {
  const { configRepo, base, launchers } = options;
  if (configRepo === undefined) {
    if (base !== undefined || launchers) throw new UsageError('--base and --launchers need --config-repo');
    const [file = tools.configFile] = args;
    return { file, check: async () => (await tools.loadConfig(file)).warnings };
  }
  if (args[0] !== undefined) throw new UsageError('give a file or --config-repo, not both');
  return { file: configRepo, check: () => checkRepo(tools, { dir: configRepo, base, launchers }) };
}

/** As the builder sees it, to which every provider counts. */
async function checkRepo(
  tools: Tools,
  where: { dir: string; base: string | undefined; launchers: string[] | undefined },
): Promise<readonly Warning[]> {
  const host = { hostname: '', builder: true };
  return (await loadConfigRepo({ ...where, host, drivers: await tools.drivers() })).warnings;
}
