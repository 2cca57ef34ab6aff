import { setTimeout as delay } from 'node:timers/promises';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  AbortMultipartUploadCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { sha256 } from '../../contract/canonical.js';
import type { Patience } from '../patience.js';
import { s3Failure, statusOf } from './failure.js';
import type { S3Place } from './place.js';

export interface S3Object {
  sizeBytes: number;
  etag: string;
  /** Whole seconds of the server's clock. */
  modifiedAt: Date;
  /** Of the write that made it. */
  nonce?: string | undefined;
}

export interface ListedObject {
  /** Below the prefix of the store. */
  key: string;
  sizeBytes: number;
  modifiedAt: Date;
}

/** What must hold for a write: that there is no object yet, or still the one with this ETag. */
type Condition = { absent: true } | { etag: string };

interface PutOptions {
  condition?: Condition;
  nonce?: string;
  contentType?: string;
  /** Of the bytes, lower-case hex, where the caller knows it. */
  sha256?: string;
}

/** Above this a blob goes up in parts, several at a time, of which a lost one is sent again alone. */
const MULTIPART_BYTES = 16 * 1024 * 1024;
const PART_BYTES = 8 * 1024 * 1024;
const AGAIN_MS = 100;
const NONCE = 'nonce';
/** Of GET, and of HEAD, whose answer has no body. */
const ABSENT = new Set(['NoSuchKey', 'NotFound']);
const CONFLICTS = new Set(['ConditionalRequestConflict', 'OperationAborted']);

/** Servers that decide a conditional write in one step with the write (versitygw from 1.8 on). Others may look first and write then. */
const ATOMIC_SERVERS = new Set(['amazons3', 'minio', 'versitygw']);

/**
 * The objects of one bucket below one prefix, over the SDK's client, which repeats failed requests. Settings and credentials are the SDK's own
 * (AWS_REGION, AWS_ACCESS_KEY_ID, AWS_PROFILE …). Uploads carry their SHA-256, which the server checks. Failures of the store are
 * STORE_UNAVAILABLE.
 */
export class S3Objects {
  readonly place: S3Place;
  readonly #client: S3Client;
  readonly #attempts: number;
  #server: string | undefined;

  constructor(place: S3Place, patience: Patience) {
    this.place = place;
    this.#attempts = patience.attempts;
    this.#client = new S3Client(clientConfig(patience));
    this.#client.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        this.#server ??= serverOf(result.response);
        return result;
      },
      { step: 'deserialize', name: 'rememberServer' },
    );
  }

  /** Whether the server's conditional writes exclude each other; known after its first answer. */
  get isAtomic(): boolean {
    return this.#server !== undefined && ATOMIC_SERVERS.has(this.#server);
  }

  async get(key: string): Promise<(S3Object & { bytes: Buffer }) | undefined> {
    return this.#call(async () => {
      for (let attempt = 1; ; attempt += 1) {
        const answer = await this.#client.send(new GetObjectCommand(this.#at(key)));
        try {
          const bytes = Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
          return { ...described(answer), bytes };
        } catch (error) {
          // The SDK repeats what fails before the answer has begun, and nothing after.
          if (attempt >= this.#attempts) throw error;
          await delay(AGAIN_MS * 2 ** attempt);
        }
      }
    });
  }

  async head(key: string): Promise<S3Object | undefined> {
    return this.#call(async () => described(await this.#client.send(new HeadObjectCommand(this.#at(key)))));
  }

  /** False when the condition does not hold. */
  async put(key: string, bytes: Uint8Array, { condition, nonce, contentType, sha256: digest = sha256(bytes) }: PutOptions = {}): Promise<boolean> {
    const input = {
      ...this.#at(key),
      Body: bytes,
      ContentType: contentType ?? 'application/octet-stream',
      ...(nonce === undefined ? {} : { Metadata: { [NONCE]: nonce } }),
    };
    if (bytes.byteLength > MULTIPART_BYTES && condition === undefined) {
      await this.#medium(() => new Upload({ client: this.#client, params: { ...input, ChecksumAlgorithm: 'SHA256' }, partSize: PART_BYTES }).done());
      return true;
    }
    const checksum = Buffer.from(digest, 'hex').toString('base64');
    const conditions = condition === undefined ? {} : 'absent' in condition ? { IfNoneMatch: '*' } : { IfMatch: condition.etag };
    return this.#medium(async () => {
      try {
        await this.#client.send(new PutObjectCommand({ ...input, ...conditions, ContentLength: bytes.byteLength, ChecksumSHA256: checksum }));
        return true;
      } catch (error) {
        if (condition !== undefined && isRefusedCondition(error)) return false;
        throw error;
      }
    });
  }

  async delete(key: string): Promise<void> {
    await this.#call(() => this.#client.send(new DeleteObjectCommand(this.#at(key))));
  }

  /** Copies within the store; nothing happens when there is nothing to copy. */
  async copy(from: string, to: string): Promise<void> {
    const source = `${this.place.bucket}/${this.place.prefix}${from}`;
    await this.#call(() => this.#client.send(new CopyObjectCommand({ ...this.#at(to), CopySource: source })));
  }

  /** The objects whose key begins with this, or right below it, in no order. */
  async *list(prefix: string, depth: 'all' | 'one' = 'all'): AsyncIterable<ListedObject> {
    const { bucket, prefix: root } = this.place;
    const input = { Bucket: bucket, Prefix: `${root}${prefix}`, ...(depth === 'one' ? { Delimiter: '/' } : {}) };
    const pages = paginateListObjectsV2({ client: this.#client }, input)[Symbol.asyncIterator]();
    for (;;) {
      const { done, value: page } = await this.#medium(() => pages.next());
      if (done === true) return;
      for (const { Key: key, Size: sizeBytes = 0, LastModified: modifiedAt } of page.Contents ?? []) {
        if (key === undefined || modifiedAt === undefined || key.endsWith('/')) continue;
        yield { key: key.slice(root.length), sizeBytes, modifiedAt };
      }
    }
  }

  /** Makes the bucket, unless it is there. */
  async createBucket(): Promise<void> {
    await this.#medium(async () => {
      try {
        await this.#client.send(new CreateBucketCommand({ Bucket: this.place.bucket }));
      } catch (error) {
        // Who may only use a bucket that is there is not let make one either.
        if ((await this.#client.send(new HeadBucketCommand({ Bucket: this.place.bucket })).catch(() => undefined)) === undefined) throw error;
      }
    });
  }

  /** Ends uploads in parts that began before then and never ended. */
  async abortUploads(olderThan: Date): Promise<number> {
    const { bucket, prefix } = this.place;
    const { Uploads: uploads = [] } = await this.#medium(() =>
      this.#client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix })),
    );
    let aborted = 0;
    for (const { Key, UploadId, Initiated } of uploads) {
      if (Key === undefined || UploadId === undefined || Initiated === undefined || Initiated >= olderThan) continue;
      await this.#call(() => this.#client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId })));
      aborted += 1;
    }
    return aborted;
  }

  /** An address under which anybody can read an object for so many seconds. */
  link(key: string, seconds: number, contentType: string): Promise<string> {
    const command = new GetObjectCommand({ ...this.#at(key), ResponseContentType: contentType });
    return this.#medium(() => getSignedUrl(this.#client, command, { expiresIn: seconds }));
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.place.bucket, Key: `${this.place.prefix}${key}` };
  }

  /** Undefined when the object is absent. A bucket that is absent is a failure. */
  #call<T>(work: () => Promise<T>): Promise<T | undefined> {
    return this.#medium(async () => {
      try {
        return await work();
      } catch (error) {
        // Only these: some servers answer 404 to whom they do not know.
        if (error instanceof Error && ABSENT.has(error.name)) return undefined;
        throw error;
      }
    });
  }

  async #medium<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw s3Failure(error, this.place.url);
    }
  }
}

function clientConfig(patience: Patience): S3ClientConfig {
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION } = process.env;
  const endpoint = AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL;
  // The lock file decides of versions; what the SDK has to say of Node would go to stderr between structured lines.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  return {
    // An S3 server of one's own has one region and no names of its own for its buckets.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true, region: AWS_REGION ?? 'us-east-1' }),
    maxAttempts: patience.attempts,
    // What is read is held against its digest, or read as JSON.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: patience.connectSeconds * 1000,
      socketTimeout: patience.idleSeconds * 1000,
      requestTimeout: 0,
    },
  };
}

function described(answer: { ContentLength?: number | undefined; ETag?: string | undefined; LastModified?: Date | undefined; Metadata?: Record<string, string> | undefined }): S3Object {
  return {
    sizeBytes: answer.ContentLength ?? 0,
    etag: answer.ETag ?? '',
    modifiedAt: answer.LastModified ?? new Date(0),
    nonce: answer.Metadata?.[NONCE],
  };
}

/** 412, 404 for an object that was to be replaced and is gone, and an own code when two writers meet. */
function isRefusedCondition(error: unknown): boolean {
  const status = statusOf(error);
  const name = error instanceof Error ? error.name : '';
  return status === 412 || CONFLICTS.has(name) || ABSENT.has(name);
}

function serverOf(response: unknown): string | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  const { headers } = response;
  if (typeof headers !== 'object' || headers === null || !('server' in headers)) return undefined;
  return typeof headers.server === 'string' ? headers.server.toLowerCase() : undefined;
}
