import { randomUUID } from 'node:crypto';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BlobStore } from '../../../../src/blobs/blob-store.js';
import { findBlobStore, openBlobStore } from '../../../../src/blobs/open-store.js';
import { CALL_PATIENCE, WORK_PATIENCE } from '../../../../src/blobs/patience.js';
import { Claims } from '../../../../src/blobs/s3/claims.js';
import { S3Objects } from '../../../../src/blobs/s3/objects.js';
import { readS3Place } from '../../../../src/blobs/s3/place.js';
import { S3BlobStore } from '../../../../src/blobs/s3/store.js';
import { JobFailure } from '../../../../src/contract/errors.js';
import { sha256 } from '../../../../src/contract/canonical.js';
import { freePort } from '../../../support/free-port.js';
import { storePlace, type StorePlace } from '../support/place.js';

let place: StorePlace;
let settings: NodeJS.ProcessEnv;
const unavailable = { code: 'STORE_UNAVAILABLE', retryable: true };

beforeEach(async () => {
  settings = { ...process.env };
  place = await storePlace();
});
afterEach(async () => {
  jest.restoreAllMocks();
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, settings);
  await place.remove();
});

function objectsAt({ url }: StorePlace): S3Objects {
  const read = readS3Place(url);
  if (typeof read === 'string') throw new Error(read);
  return new S3Objects(read, WORK_PATIENCE);
}

describe('a place in S3', () => {
  it('is a bucket with or without a prefix', () => {
    expect(readS3Place('s3://bucket')).toEqual({ bucket: 'bucket', prefix: '', url: 's3://bucket' });
    expect(readS3Place('s3://my-bucket.eu/a/b_c/')).toEqual({ bucket: 'my-bucket.eu', prefix: 'a/b_c/', url: 's3://my-bucket.eu/a/b_c' });
    for (const url of ['s3://', 's3:bucket', 's3://b', 's3://Bucket', 's3://a..b', 's3://bucket/../x', 's3://bucket/a b', 's3://key:secret@bucket']) {
      expect(readS3Place(url)).toEqual(expect.any(String));
    }
  });

  it('that is not there is not made by a look', async () => {
    expect(await findBlobStore(place.url)).toBeUndefined();
    expect(await readdir(process.env['TEST_S3_FOLDER'] ?? '')).not.toContain(place.url.split('/')[2]);
    const { id } = await place.open();
    expect((await findBlobStore(place.url))?.id).toBe(id);
  });

  it('can be shared: two prefixes of a bucket are two stores', async () => {
    const [one, other] = await Promise.all([place.open(), place.beside('other').open()]);
    const { sha256: digest } = await one.putBlob(Buffer.from('x'));
    expect(other.id).not.toBe(one.id);
    expect(await other.getBlob(digest)).toBeUndefined();
  });
});

describe('large blobs', () => {
  const large = Buffer.alloc(40 * 1024 * 1024 + 1, 'a very large picture ');

  it('go up in parts and come back whole', async () => {
    const store = await place.open();
    const { sha256: digest } = await store.putBlob(large);
    expect((await store.getBlob(digest))?.equals(large)).toBe(true);
    const stored = await objectsAt(place).head(`sha256/${digest.slice(0, 2)}/${digest.slice(2)}`);
    // The ETag of an upload in parts ends with their number.
    expect(stored).toMatchObject({ sizeBytes: large.length, etag: expect.stringMatching(/-6"?$/) });
  });
});

describe('a link', () => {
  it('gives the bytes to anybody, with their type', async () => {
    const store = await place.open();
    const { sha256: digest } = await store.putBlob(Buffer.from('a picture'));
    const answer = await fetch((await store.linkToBlob?.(digest, 60, 'image/png')) ?? '');
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([200, 'image/png', 'a picture']);
  });
});

describe('a bucket that is lost', () => {
  it('is never read as an empty store', async () => {
    const store = await place.open();
    await store.createDocument('attempts/a/1.json', Buffer.from('{}'));
    await place.remove();
    for (const call of [() => store.readDocument('attempts/a/1.json'), () => store.getBlob(sha256('x')), () => store.createDocument('attempts/a/2.json', Buffer.from('{}'))]) {
      await expect(call()).rejects.toMatchObject({ ...unavailable, message: expect.stringContaining('has no such bucket'), nextStep: expect.stringContaining('restore the bucket') });
    }
  });
});

describe('what S3 refuses', () => {
  const look = (): Promise<unknown> => openBlobStore(place.url, CALL_PATIENCE);

  it('is told without the keys', async () => {
    process.env['AWS_SECRET_ACCESS_KEY'] = 'canary-secret';
    const failure: unknown = await look().catch((error: unknown) => error);
    expect(failure).toMatchObject({ ...unavailable, message: expect.stringMatching(/does not accept these credentials \(SignatureDoesNotMatch\)/) });
    process.env['AWS_ACCESS_KEY_ID'] = 'canary-access';
    const other: unknown = await look().catch((error: unknown) => error);
    expect(other).toMatchObject({ ...unavailable, message: expect.stringMatching(/does not accept these credentials \(\w+\)/) });
    for (const one of [failure, other]) expect(one instanceof JobFailure && JSON.stringify(one.toJobError())).not.toMatch(/canary/);
  });

  it('without credentials says which to set', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) delete process.env[name];
    Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', AWS_SHARED_CREDENTIALS_FILE: '/nowhere', AWS_CONFIG_FILE: '/nowhere' });
    await expect(look()).rejects.toMatchObject({ ...unavailable, nextStep: expect.stringContaining('AWS_ACCESS_KEY_ID') });
  });

  it('at an address where nothing listens names the setting', async () => {
    process.env['AWS_ENDPOINT_URL_S3'] = `http://127.0.0.1:${await freePort()}`;
    await expect(look()).rejects.toMatchObject({ ...unavailable, message: expect.stringContaining('(ECONNREFUSED)'), nextStep: expect.stringContaining('AWS_ENDPOINT_URL_S3') });
  });
});

describe('claims', () => {
  const other = { pid: 1, host: 'another-machine', start: '1' };

  async function claimOf(owner: unknown, secondsAgo: number): Promise<string> {
    const file = join(place.root, 'locks', 'name', randomUUID());
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, JSON.stringify(owner));
    const at = new Date(Date.now() - secondsAgo * 1000);
    await utimes(file, at, at);
    return file;
  }

  beforeEach(async () => {
    await place.open();
  });

  it('exclude each other among all that claim', async () => {
    const claims = Array.from({ length: 6 }, () => new Claims(objectsAt(place), 60));
    let inside = 0;
    let most = 0;
    await Promise.all(
      claims.map((one) =>
        one.hold('name', async () => {
          most = Math.max(most, (inside += 1));
          await objectsAt(place).list('sha256/')[Symbol.asyncIterator]().next();
          inside -= 1;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(await place.residue()).toEqual([]);
  });

  it('keep documents apart where the conditions of a server do not', async () => {
    jest.spyOn(S3Objects.prototype, 'isAtomic', 'get').mockReturnValue(false);
    const stores = await Promise.all(Array.from({ length: 4 }, () => place.open()));
    const created = await Promise.all(stores.map((store) => store.createDocument('count.json', Buffer.from('0'))));
    expect(created.filter(Boolean)).toHaveLength(1);
    const countUp = async (store: BlobStore): Promise<void> => {
      for (let done = 0; done < 5; ) {
        const now = await store.readDocument('count.json');
        const next = Buffer.from(String(Number(now?.bytes.toString()) + 1));
        if (await store.replaceDocument('count.json', next, now?.version ?? '')) done += 1;
      }
    };
    await Promise.all(stores.map(countUp));
    expect((await stores[0]?.readDocument('count.json'))?.bytes.toString()).toBe('20');
    expect(await place.residue()).toEqual([]);
  });

  it('of another machine are waited for, and told when that takes too long', async () => {
    await claimOf(other, 1);
    await expect(new Claims(objectsAt(place), 0.5).hold('name', () => Promise.resolve())).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('locks/name/'),
    });
  });

  it('of a machine that died, or of a dead process of this one, do not hold anybody up', async () => {
    await claimOf(other, 60);
    await claimOf('not the word of an owner', 60);
    await new Claims(objectsAt(place), 5).hold('name', () => Promise.resolve());
    const { thisProcess } = await import('../../../../src/blobs/process-identity.js');
    await claimOf({ ...(await thisProcess()), pid: 2 ** 22 + 1 }, 0);
    await new Claims(objectsAt(place), 5).hold('name', () => Promise.resolve());
    expect(await place.residue()).toEqual([]);
  });

  it('that are held too long write nothing any more', async () => {
    const now = performance.now();
    const late = new Claims(objectsAt(place), 5).hold('name', async (lock) => {
      lock.check();
      jest.spyOn(performance, 'now').mockReturnValue(now + 3_600_000);
      lock.check();
      await Promise.resolve();
    });
    await expect(late).rejects.toMatchObject({ ...unavailable, message: expect.stringContaining('held up for too long') });
  });
});

describe('the store', () => {
  it('is the S3 one', async () => {
    expect(await place.open()).toBeInstanceOf(S3BlobStore);
  });
});
