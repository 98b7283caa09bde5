import { ConfigError, formatProblem } from '../errors.ts';
import { EXIT_FAILED } from './failure.ts';
import { formatWarning } from '../config/warnings.ts';
import { printJson, say, warn } from './print.ts';
import type { Run } from './verb.ts';

/** Checks the configuration and prints every mistake. Needs neither the store nor any provider. */
export const run: Run = async (tools, { args }) => {
  const [file = tools.configFile] = args;
  try {
    const { warnings } = await tools.loadConfig(file);
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
