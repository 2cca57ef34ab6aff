import * as z from 'zod';
import { jobInputSchema } from './input.js';
import { jobRecordSchema } from './record.js';

/** The JSON Schemas (2020-12) of what crosses the boundary to other languages, by file name in schemas/. */
export function jsonSchemas(): Record<string, unknown> {
  return {
    'job-input.json': {
      title: 'Input of the workflow imageJob',
      ...z.toJSONSchema(jobInputSchema, { io: 'input', unrepresentable: 'any' }),
    },
    // Open, for a record may grow.
    'job-record.json': {
      title: 'Record of an image job: result of imageJob, details[0] of its failure, answer to the query `job`',
      ...z.toJSONSchema(jobRecordSchema, { io: 'input', unrepresentable: 'any' }),
    },
  };
}
