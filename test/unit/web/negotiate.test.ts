import fc from 'fast-check';
import t from 'tap';
import { prefersJson } from '../../../src/web/negotiate.ts';

t.test('JSON only where it is liked best', async (t) => {
  const cases: [accept: string | undefined, json: boolean][] = [
    [undefined, false],
    ['*/*', false],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', false],
    ['application/json', true],
    ['application/*', true],
    ['Application/JSON; charset=utf-8', true],
    ['application/json, text/plain', false],
    ['text/plain;q=0.5, application/json', true],
    ['text/*;q=0.2, */*;q=0.1, application/json;q=0.3', true],
    ['application/json;q=0', false],
    ['*/*, text/html;q=0, text/plain;q=0', true],
    ['image/png', false],
    ['', false],
    ['nonsense', false],
    ['application/json;q=high', false],
  ];
  for (const [accept, json] of cases) t.equal(prefersJson(accept), json, String(accept));
});

t.test('any header is answered', async () => {
  fc.assert(fc.property(fc.string(), (header) => typeof prefersJson(header) === 'boolean'));
});
