/** `/nodepool-log/`: the logs of builds for a browser, as a list and each as plain text. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { parseFileName } from '../dib/names.ts';
import { buildId } from '../model/image.ts';
import type { Views } from '../operator/views.ts';
import { HttpError, type Answer } from './answer.ts';
import { answerLog, DEFAULT_LOG_DIR } from './log-file.ts';
import type { Router } from './router.ts';

const PLACE = '/nodepool-log';

/** Only what is called like the log of a build is listed and served, and only from the directory itself. */
export function addLogPages(router: Router, views: Views, clock: Clock, logDir = DEFAULT_LOG_DIR): void {
  const isRunning = (name: string) => {
    const { image, build } = parseLogName(name) ?? { image: '', build: '' };
    return views.builds.get(buildId(image, build))?.value.state === 'building';
  };
  // Relative, since a proxy may show this place under another name.
  const toList: Answer = { status: 301, headers: { location: `.${PLACE}/` } };
  router.on('GET', PLACE, () => toList);
  router.on('GET', `${PLACE}/`, async () => ({
    status: 200,
    headers: { 'content-type': 'text/html; charset=UTF-8', 'cache-control': 'no-store' },
    body: renderList(await findLogs(logDir), isRunning),
  }));
  router.on('GET', `${PLACE}/:name`, async (call) => {
    const name = call.params['name'] ?? '';
    if (parseLogName(name) === undefined)
      throw new HttpError(404, 'there is no such log; /nodepool-log/ lists them all');
    const log = { path: join(logDir, name), what: name, isRunning: () => isRunning(name), anyLength: true };
    return answerLog(call, log, clock);
  });
}

/** `debian-0f….log`; undefined for everything else, whatever way out of the directory it may be. */
function parseLogName(name: string) {
  if (/[/\\\0]/.test(name)) return undefined;
  const parsed = parseFileName(name);
  return parsed?.extension === 'log' ? parsed : undefined;
}

interface Log {
  name: string;
  bytes: number;
  writtenMs: number;
}

/** The newest first. Throws HttpError where there is no such directory. */
async function findLogs(dir: string): Promise<Log[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new HttpError(
      404,
      `there are no logs of builds on this machine (${dir}: ${error.code ?? 'error'})`,
    );
  });
  const names = entries.filter((entry) => entry.isFile() && parseLogName(entry.name)).map(({ name }) => name);
  const logs = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(dir, name)).catch(() => undefined); // removed meanwhile
      return found ? [{ name, bytes: found.size, writtenMs: found.mtimeMs }] : [];
    }),
  );
  return logs.flat().sort((a, b) => b.writtenMs - a.writtenMs || a.name.localeCompare(b.name, 'en'));
}

function renderList(logs: readonly Log[], isRunning: (name: string) => boolean): string {
  const rows = logs.map(({ name, bytes, writtenMs }) => {
    const link = escapeHtml(encodeURIComponent(name));
    const running = isRunning(name) ? `<a href="./${link}?follow=1">running: follow it</a>` : '';
    const cells = [`<a href="./${link}">${escapeHtml(name)}</a>`, timeOf(writtenMs), String(bytes), running];
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>\n`;
  });
  const heading = '<tr><th>Log</th><th>Last written</th><th>Bytes</th><th></th></tr>';
  return `<!DOCTYPE html>
<html lang="en">
<title>Logs of image builds</title>
<h1>Logs of image builds</h1>
<table>
${heading}
${rows.join('')}</table>
</html>
`;
}

/** `2026-01-31 08:15:00 UTC` */
const timeOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
