import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { jsonSchemas } from '../../../src/contract/json-schemas.js';

it.each(Object.entries(jsonSchemas()))('schemas/%s is what the code says (npm run schemas)', async (name, schema) => {
  const written: unknown = JSON.parse(await readFile(new URL(`../../../schemas/${name}`, import.meta.url), 'utf8'));
  expect(written).toEqual(JSON.parse(JSON.stringify(schema)));
});
