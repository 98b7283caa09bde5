/** The program takes its schemas as they are; here they are checked. */
import { Ajv } from 'ajv';
import t from 'tap';
import { createDrivers } from '../../../src/bin/drivers.ts';
import { anyProviderSchema, mainSchema, secureSchema } from '../../../src/config/main-schema.ts';

t.test('the schemas of the configuration and of every driver are JSON Schemas', async (t) => {
  const ajv = new Ajv({ keywords: ['expected'] });
  const drivers = createDrivers().map(({ name, schema }) => [name, schema] as const);
  const schemas = [
    ['nodepool.yaml', mainSchema],
    ['any provider', anyProviderSchema],
    ['secure.conf', secureSchema],
    ...drivers,
  ] as const;
  for (const [name, schema] of schemas)
    t.equal(ajv.validateSchema(schema), true, `${name}: ${ajv.errorsText(ajv.errors)}`);
  t.equal(ajv.validateSchema({ type: 'sequence' }), false, 'a mistake would be found');
});
