/** The page as `npm run build` made it: each file also compressed, with its digest as ETag. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { textAnswer, type Answer, type Call } from './answer.ts';
import type { Router } from './router.ts';

/** Bundled code lies one folder below `dist/`; code that runs from `src/` uses what was built last. */
const PLACES = [new URL('../page/', import.meta.url), new URL('../../dist/page/', import.meta.url)];

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=UTF-8',
  js: 'text/javascript; charset=UTF-8',
  css: 'text/css; charset=UTF-8',
  svg: 'image/svg+xml',
};

interface File {
  type: string;
  etag: string;
  plain: Buffer;
  brotli: Buffer | undefined;
  gzip: Buffer | undefined;
}

export function addPageRoutes(router: Router): void {
  const files = readFiles();
  const serve = (name: string, call: Call): Answer => {
    const file = files.get(name);
    if (file) return answerFile(file, call);
    return files.size === 0
      ? textAnswer(503, 'the page is not built; npm run build makes it\n')
      : textAnswer(404, 'there is no such file\n');
  };
  router.on('GET', '/', (call) => serve('index.html', call));
  router.on('GET', '/assets/:name', (call) => serve(call.params['name'] ?? '', call));
}

/** All of them, by name: what is not in this table cannot be asked for. */
function readFiles(): Map<string, File> {
  for (const place of PLACES) {
    let names: string[];
    try {
      names = readdirSync(place);
    } catch {
      continue;
    }
    const read = (name: string) => readFileSync(new URL(name, place));
    const plain = names.filter((name) => Object.hasOwn(TYPES, name.split('.').at(-1) ?? ''));
    return new Map(
      plain.map((name) => {
        const bytes = read(name);
        const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
        const type = TYPES[name.split('.').at(-1) ?? ''] ?? '';
        const packed = (ending: string) => (names.includes(name + ending) ? read(name + ending) : undefined);
        return [name, { type, etag, plain: bytes, brotli: packed('.br'), gzip: packed('.gz') }];
      }),
    );
  }
  return new Map();
}

function answerFile({ type, etag, plain, brotli, gzip }: File, { request }: Call): Answer {
  const headers = { 'content-type': type, etag, 'cache-control': 'no-cache', vary: 'accept-encoding' };
  if (request.headers['if-none-match'] === etag) return { status: 304, headers };
  const accepted = String(request.headers['accept-encoding'] ?? '');
  if (brotli && /\bbr\b/.test(accepted))
    return { status: 200, headers: { ...headers, 'content-encoding': 'br' }, body: brotli };
  if (gzip && /\bgzip\b/.test(accepted))
    return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body: gzip };
  return { status: 200, headers, body: plain };
}
