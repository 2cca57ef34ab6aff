/** Where a store lies in S3. */
export interface S3Place {
  bucket: string;
  /** Empty, or ends with a slash. */
  prefix: string;
  /** As people write it, for messages. */
  url: string;
}

/** Whether IMAGE_BLOB_STORE means a store in S3. */
export function isS3(url: string): boolean {
  return /^s3:/i.test(url.trim());
}

/**
 * Reads `s3://bucket` or `s3://bucket/prefix`; gives what is wrong with it otherwise. Bucket names by the rules of S3 ("Bucket
 * naming rules", general purpose buckets); a prefix is made of plain names, since it stands in every key.
 */
export function readS3Place(url: string): S3Place | string {
  const [, bucket = '', rest = ''] = /^s3:\/\/([^/]*)(.*)$/is.exec(url.trim()) ?? [];
  if (bucket.includes('@')) return 'holds credentials, which belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) || bucket.includes('..')) return 'names no bucket (3 to 63 of a-z, 0-9, dots and hyphens)';
  const names = rest.split('/').filter((name) => name !== '');
  const wrong = names.find((name) => !/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(name));
  if (wrong !== undefined) return `has the prefix ${JSON.stringify(wrong)}, which is not made of letters, digits, dots, hyphens and underscores`;
  const prefix = names.map((name) => `${name}/`).join('');
  return { bucket, prefix, url: `s3://${bucket}/${prefix}`.replace(/\/$/, '') };
}
