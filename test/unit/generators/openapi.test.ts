import { beforeAll, describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import type { GenerationRequest } from '../../../src/generators/generator.js';
import { capabilitiesOf } from '../../../src/generators/capabilities.js';
import { encodeRequest } from '../../../src/generators/openai/request.js';
import { openaiImages } from '../../../src/generators/openai-images.js';
import { startFakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { openaiImagesFake } from '../../support/fakes/openai-images.js';
import { checkOf, officialDescription, type Check } from '../../support/openapi.js';
import { formOf, post } from '../fakes/images-helpers.js';
import { accountOf, ATTEMPT, order, reference } from './provider-helpers.js';

const official = officialDescription();
const whenThere = official ? describe : describe.skip;
const bodySchema = z.record(z.string(), z.unknown());

async function imagesBody(request: GenerationRequest): Promise<Record<string, unknown>> {
  const asking = { request, capabilities: capabilitiesOf('openai-images', request.model), account: accountOf('openai-images', 'https://api.test/v1'), attempt: ATTEMPT, form: undefined };
  const { body } = await openaiImages.encode(asking);
  if ('json' in body) return bodySchema.parse(JSON.parse(JSON.stringify(body.json)));
  const texts = body.parts.flatMap((part) => ('text' in part ? [[part.name, part.name === 'n' ? Number(part.text) : part.text]] : []));
  const files = body.parts.flatMap((part) => ('bytes' in part ? [part] : []));
  // In the description a file is a text, and `image[]` the way to write the array `image`.
  const image = files.filter(({ name }) => name === 'image[]').map(({ bytes }) => bytes.toString('latin1'));
  const mask = files.filter(({ name }) => name === 'mask').map(({ bytes }) => bytes.toString('latin1'));
  return { ...bodySchema.parse(Object.fromEntries(texts)), image, ...(mask.length > 0 ? { mask: mask[0] } : {}) };
}

function responsesBody(request: GenerationRequest, form: 'background' | 'synchronous'): Record<string, unknown> {
  return bodySchema.parse(JSON.parse(encodeRequest(request, accountOf('openai', 'https://api.test/v1'), ATTEMPT, form).toString('utf8')));
}

/** A copy with one place changed; undefined removes it. */
function off(body: Record<string, unknown>, path: readonly (string | number)[], value: unknown): unknown {
  const change = (node: unknown, [key, ...rest]: readonly (string | number)[]): unknown => {
    if (key === undefined) return value;
    if (Array.isArray(node)) return node.map((item: unknown, at) => (at === key ? change(item, rest) : item));
    const fields = bodySchema.parse(node);
    return { ...fields, [key]: change(fields[key], rest) };
  };
  return JSON.parse(JSON.stringify(change(body, path)));
}

const shaped = { quality: 'high', output_format: 'webp', background: 'transparent', size: '1024x1024' } as const;

whenThere("OpenAI's official description", () => {
  let generation: Check, edit: Check, reply: Check, error: Check, responses: Check;
  let full: GenerationRequest;
  beforeAll(async () => {
    if (!official) return;
    generation = checkOf(official, 'CreateImageRequest');
    edit = checkOf(official, 'CreateImageEditRequest');
    reply = checkOf(official, 'ImagesResponse', []);
    error = checkOf(official, 'ErrorResponse', []);
    responses = checkOf(official, 'CreateResponse', ['CreateResponse', 'ImageGenTool', 'InputTextContent', 'InputImageContent']);
    const references = [await reference(64, 64), await reference(32, 32)];
    full = order({ kind: 'image_edit', ...shaped }, { references, mask: await reference(64, 64, [0, 0, 32, 64]) });
  });

  it('fits what we send to the Images API', async () => {
    expect(generation(await imagesBody(order()))).toEqual([]);
    expect(generation(await imagesBody(order(shaped, { model: 'gpt-image-2' })))).toEqual([]);
    expect(edit(await imagesBody(full))).toEqual([]);
    expect(edit(await imagesBody({ ...full, references: full.references.slice(0, 1), mask: undefined }))).toEqual([]);
  });

  it('fits what we send to the Responses API', () => {
    for (const form of ['background', 'synchronous'] as const) {
      expect(responses(responsesBody(order(), form))).toEqual([]);
      expect(responses(responsesBody({ ...full, model: 'gpt-image-2' }, form))).toEqual([]);
    }
  });

  it.each<[string, (string | number)[], unknown]>([
    ['no prompt', ['prompt'], undefined],
    ['a prompt that is none', ['prompt'], 7],
    ['eleven pictures', ['n'], 11],
    ['a count as text', ['n'], '1'],
    ['another quality', ['quality'], 'best'],
    ['another format', ['output_format'], 'jpg'],
    ['another background', ['background'], 'red'],
    ['a name that is one letter off', ['outputformat'], 'png'],
    ["another API's field", ['aspect_ratio'], '1:1'],
  ])('refuses, of the Images API, %s', async (_name, path, value) => {
    expect(generation(off(await imagesBody(order(shaped)), path, value))).not.toEqual([]);
    expect(edit(off(await imagesBody(full), path, value))).not.toEqual([]);
  });

  it('refuses an edit without an image, and with seventeen', async () => {
    const body = await imagesBody(full);
    expect(edit(off(body, ['image'], undefined))).not.toEqual([]);
    expect(edit(off(body, ['image'], Array.from({ length: 17 }, () => 'x')))).not.toEqual([]);
  });

  it.each<[string, (string | number)[], unknown]>([
    ['a name that is one letter off', ['max_tool_call'], 1],
    ['a background that is no mode', ['background'], 'yes'],
    ['metadata that is a number', ['metadata', 'item'], 2],
    ['an unknown role', ['input', 0, 'role'], 'painter'],
    ['a part of another type', ['input', 0, 'content', 0, 'type'], 'text'],
    ['a text without text', ['input', 0, 'content', 0, 'text'], undefined],
    ['an image without detail', ['input', 0, 'content', 1, 'detail'], undefined],
    ['an image with an unknown detail', ['input', 0, 'content', 1, 'detail'], 'all'],
    ['an image under another name', ['input', 0, 'content', 1, 'image'], 'data:'],
    ['a tool of another type', ['tools', 0, 'type'], 'image_generator'],
    ['a tool with another action', ['tools', 0, 'action'], 'paint'],
    ['a tool with another quality', ['tools', 0, 'quality'], 'best'],
    ['a tool with a field of nobody', ['tools', 0, 'seed'], 7],
    ['a mask under another name', ['tools', 0, 'input_image_mask', 'url'], 'data:'],
    ['a choice of no tool', ['tool_choice', 'type'], 'image'],
  ])('refuses, of the Responses API, %s', (_name, path, value) => {
    expect(responses(off(responsesBody(full, 'background'), path, value))).not.toEqual([]);
  });

  it('fits what our fake of the Images API answers', async () => {
    const fake = await startFakeProvider(openaiImagesFake);
    try {
      const body = { model: 'gpt-image-1', prompt: 'a red fox', size: '1024x1024' };
      expect(reply((await post(fake, '/images/generations', body)).json)).toEqual([]);
      expect(reply((await post(fake, '/images/edits', formOf(body, [{ name: 'image[]', bytes: full.references[0]?.bytes ?? Buffer.alloc(0) }]))).json)).toEqual([]);
      const refusals: FaultInput['kind'][] = ['unauthorized', 'quota', 'rate_limited', 'moderation', 'rejected', 'overloaded', 'server_error', 'refusal', 'failed'];
      for (const kind of refusals) {
        fake.fault({ kind });
        expect({ kind, problems: error((await post(fake, '/images/generations', body)).json) }).toEqual({ kind, problems: [] });
      }
    } finally {
      await fake.close();
    }
  });
});

describe('the check itself, on a description of our own', () => {
  const text = { type: 'string' };
  const description = {
    components: {
      schemas: {
        Order: { type: 'object', allOf: [{ $ref: '#/components/schemas/Base' }], properties: { size: { type: 'string', enum: ['S', 'L'], nullable: true } }, required: ['name'] },
        Base: { type: 'object', properties: { name: text, toppings: { type: 'array', items: { oneOf: [text, { type: 'string', maxLength: 9 }] } } } },
      },
    },
  };
  it('follows references, knows nullable, and takes no unknown field', () => {
    const check = checkOf(description, 'Order');
    expect(check({ name: 'x', size: null, toppings: ['y'] })).toEqual([]);
    expect(check({ name: 'x', size: 'M' })).not.toEqual([]);
    expect(check({ size: 'S' })).not.toEqual([]);
    expect(check({ name: 'x', sice: 'S' })).toEqual([' must NOT have unevaluated properties: sice']);
    expect(checkOf(description, 'Order', [])({ name: 'x', sice: 'S' })).toEqual([]);
  });

  it('fails aloud on what it cannot check', () => {
    expect(() => checkOf(description, 'Orders')).toThrow('no schema Orders');
    expect(() => checkOf({ components: { schemas: { Order: { $ref: 'https://elsewhere.test/x.json' } } } }, 'Order')).toThrow('elsewhere');
    expect(() => checkOf({ components: { schemas: { Order: { type: 'strin' } } } }, 'Order')).toThrow('schema is invalid');
  });
});
