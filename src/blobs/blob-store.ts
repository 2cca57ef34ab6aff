export interface BlobInfo {
  sha256: string;
  sizeBytes: number;
}

export interface BlobListing extends BlobInfo {
  modifiedAt: Date;
}

export interface StoredDocument {
  bytes: Buffer;
  /** Changes with each replacement; opaque. */
  version: string;
}

export interface DocumentTime {
  key: string;
  changedAt: Date;
}

/**
 * A store of immutable blobs by digest and of small mutable JSON documents by key.
 * Every write but that of a note is durable before it is answered. Failures of the medium are STORE_UNAVAILABLE (retryable).
 */
export interface BlobStore {
  /** Made once with the store; a job carries it, and a worker with another store refuses the job. */
  readonly id: string;

  /** Stores bytes under their SHA-256; storing the same bytes again is cheap and renews their age. */
  putBlob(bytes: Uint8Array): Promise<BlobInfo>;
  /** The bytes, verified against the digest: undefined when absent; damaged bytes are set aside and count as absent. */
  getBlob(sha256: string): Promise<Buffer | undefined>;
  statBlob(sha256: string): Promise<BlobInfo | undefined>;
  /** With olderThan only when it was not stored again since; false when it stays or was not there. */
  deleteBlob(sha256: string, olderThan?: Date): Promise<boolean>;
  listBlobs(): AsyncIterable<BlobListing>;
  /** A link under which anybody can read the bytes for so many seconds, where the store has such. */
  linkToBlob?(sha256: string, seconds: number, mimeType: string): Promise<string>;

  /** Creates a document exclusively; false when the key is taken. */
  createDocument(key: string, bytes: Uint8Array): Promise<boolean>;
  readDocument(key: string): Promise<StoredDocument | undefined>;
  /** Replaces the version that was read; false when another writer came first. */
  replaceDocument(key: string, bytes: Uint8Array, version: string): Promise<boolean>;
  deleteDocument(key: string): Promise<void>;
  /** The keys below a prefix that ends with `/`, in no order. */
  listDocuments(prefix: string): AsyncIterable<string>;
  /** The documents right below such a prefix with the time of their last change, in no order. */
  documentTimes(prefix: string): Promise<DocumentTime[]>;

  /**
   * A document that is only a hint: written quickly, whole or not at all, over what was there; a power cut may take it.
   */
  putNote(key: string, bytes: Uint8Array): Promise<void>;
  /** Undefined also when it cannot be told whether the store itself is there. */
  readNote(key: string): Promise<Buffer | undefined>;
  /** Removes the notes right below a prefix that were written before then. */
  sweepNotes(prefix: string, olderThan: Date): Promise<void>;

  /** Removes what killed writers left behind before then, and gives the number of files. */
  sweepTemporary?(olderThan: Date): Promise<number>;
}
