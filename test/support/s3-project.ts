import { afterAll, beforeAll } from '@jest/globals';
import { startS3Gateway, type S3Gateway } from './s3-gateway.js';

/** Gives each test file of the project s3 an S3 server of its own, where test/unit/blobs/support/place.ts finds it. */
let gateway: S3Gateway;

beforeAll(async () => {
  gateway = await startS3Gateway();
  Object.assign(process.env, gateway.env, { TEST_S3_FOLDER: gateway.folder });
});
afterAll(() => gateway.close());
