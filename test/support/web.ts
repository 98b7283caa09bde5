/** The web application in this process, on the state of a test launcher. */
import { request as httpRequest } from 'node:http';
import type { Test } from 'tap';
import { systemClock } from '../../src/clock.ts';
import { startWeb, type Web, type WebOptions } from '../../src/web/web.ts';
import { recordingLogger, startTestLauncher, type TestLauncher } from './launcher.ts';
import type { LogEvent } from '../../src/log.ts';

export interface TestWeb {
  web: Web;
  test: TestLauncher;
  url: string;
  port: number;
  logged: LogEvent[];
  get(path: string, headers?: Record<string, string>): Promise<Reply>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
}

export interface Reply {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  text: string;
  /** The body as JSON. */
  json(): unknown;
}

export async function startTestWeb(
  t: Test,
  yaml: string,
  options: Partial<WebOptions> & { tokenFile?: string } = {},
): Promise<TestWeb> {
  const test = await startTestLauncher(t, yaml);
  const { log, logged } = recordingLogger();
  const { tokenFile, ...more } = options;
  const web = await startWeb({
    store: test.zuul,
    webapp: { port: 0, listenAddress: '127.0.0.1', tokenFile },
    log,
    clock: systemClock,
    version: 'test',
    whyNotReady: () => [],
    ...more,
  });
  t.teardown(async () => {
    await web.close();
    await test.stop();
  });
  const { port } = await web.listening;
  return {
    web,
    test,
    port,
    url: `http://127.0.0.1:${port}`,
    logged,
    get: (path, headers) => fetchText(port, 'GET', path, headers),
    post: (path, body, headers) => fetchText(port, 'POST', path, headers, body),
  };
}

/** One request on a connection of its own; the path goes out as it is. */
export function fetchText(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: unknown,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { host: '127.0.0.1', port, method, path, headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: () => JSON.parse(text) as unknown,
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
