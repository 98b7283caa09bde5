import type { IncomingMessage, ServerResponse } from 'node:http';
import findMyWay from 'find-my-way';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { HttpError, jsonAnswer, send, textAnswer, type Answer, type Handler } from './answer.ts';

export type Method = 'GET' | 'POST';

export interface Router {
  on(method: Method, path: string, handler: Handler): void;
  /** Answers one request; whatever happens in a handler, the client gets an answer and the process goes on. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** Paths as in `/api/v1/nodes/:id`. HEAD is answered like GET, without the body. */
export function createRouter(log: Logger): Router {
  const routes = findMyWay({ maxParamLength: 500 });
  const handlers = new Map<unknown, Handler>();

  const find = (method: string, url: string) => {
    const found = routes.find(method as Method, url);
    const handler = found && handlers.get(found.store);
    return handler ? { handler, params: found.params } : undefined;
  };
  const findHandler = (method: string, url: string) => {
    const wanted = method === 'HEAD' ? 'GET' : method;
    const found = find(wanted, url);
    if (found) return found;
    const allowed = (['GET', 'POST'] as const).filter((other) => find(other, url));
    if (allowed.length === 0) throw new HttpError(404, 'there is nothing here; / shows what there is');
    throw new HttpError(405, `expected ${allowed.join(' or ')}, found ${method}`);
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = 'GET', url = '/' } = request;
    const { handler, params } = findHandler(method, url);
    const query = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?')) : '');
    return await handler({ request, response, params, query });
  };

  return {
    on(method, path, handler) {
      const key = {};
      handlers.set(key, handler);
      routes.on(method, path, () => undefined, key);
    },
    async handle(request, response) {
      try {
        const result = await answer(request, response);
        if (result) send(response, result);
      } catch (error) {
        if (!(error instanceof HttpError))
          log.error('a request could not be answered', { path: pathOf(request), error });
        send(response, errorAnswer(request, error));
      } finally {
        request.resume(); // a body that nobody has read must not hold up the next request of the connection
      }
    },
  };
}

/** The API answers in JSON, everything else in text. */
function errorAnswer(request: IncomingMessage, error: unknown): Answer {
  const known = error instanceof HttpError;
  const status = known ? error.status : 500;
  const message = known ? reasonOf(error) : 'an error on our side; the log has it';
  return pathOf(request).startsWith('/api/')
    ? jsonAnswer(status, { error: message })
    : textAnswer(status, `${message}\n`);
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/';
}
