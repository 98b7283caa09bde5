/** The log of a build. Which file is read follows from the record of the build, never from what a client sends. */
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { logName } from '../dib/names.ts';
import { buildId } from '../model/image.ts';
import type { Views } from '../operator/views.ts';
import { HttpError, type Handler } from './answer.ts';
import { answerLog, DEFAULT_LOG_DIR } from './log-file.ts';

export function serveBuildLog(views: Views, clock: Clock, logDir = DEFAULT_LOG_DIR): Handler {
  return async (call) => {
    const { image = '', build = '' } = call.params;
    const id = buildId(image, build);
    if (!views.builds.has(id) || /[/\\\0]|^\.+$/.test(image) || /[^0-9A-Za-z]/.test(build))
      throw new HttpError(404, `there is no build ${id}`);
    const path = join(logDir, logName({ image, build }));
    const isRunning = () => views.builds.get(id)?.value.state === 'building';
    return answerLog(call, { path, what: `the log of build ${id}`, isRunning }, clock);
  };
}
