/** Templates as Python's str.format reads them, as far as Nodepool's options use them: `{label.name}-{node.id}`. */

const PLACEHOLDER = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;

/**
 * Fills in a template: `fillTemplate('{image_name}-{timestamp}', { image_name: 'debian', timestamp: 17 })` →
 * `debian-17`. Dots reach into objects; lists are written as Python writes them. Throws Error for anything unknown.
 */
export function fillTemplate(template: string, values: Readonly<Record<string, unknown>>): string {
  return template.replace(PLACEHOLDER, (found: string, name: string | undefined) => {
    if (found === '{{' || found === '}}') return found.slice(1);
    if (name === undefined) throw new Error(`a single ${found} in ${JSON.stringify(template)}`);
    return write(lookUp(name, values));
  });
}

/** What is wrong with a template whose placeholders may be those that `isKnown` accepts; undefined when nothing is. */
export function templateProblem(template: string, isKnown: (name: string) => boolean): string | undefined {
  for (const [found, name] of template.matchAll(PLACEHOLDER)) {
    if (found === '{{' || found === '}}') continue;
    if (name === undefined) return `a single ${found} in ${JSON.stringify(template)}`;
    if (!isKnown(name)) return `{${name}} in ${JSON.stringify(template)}`;
  }
  return undefined;
}

/** `request.requestor_data[job_name]`: attributes and items, as str.format has them. */
function lookUp(name: string, values: Readonly<Record<string, unknown>>): unknown {
  let value: unknown = values;
  for (const key of name.replace(/\[([^\]]*)\]/g, '.$1').split('.')) {
    const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
    if (!inside) throw new Error(`nothing is known as {${name}}`);
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function write(value: unknown): string {
  if (typeof value === 'string') return value;
  return repr(value);
}

/** As Python's repr() writes it. */
function repr(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, inner]) => `${repr(key)}: ${repr(inner)}`)
    .join(', ')}}`;
}
