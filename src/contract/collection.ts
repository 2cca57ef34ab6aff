/** The garbage collection of a store as a workflow. Types and constants only: workflow code may import this file. */

export const COLLECTION_WORKFLOW_TYPE = 'imageGarbageCollection';

/** The ID of a store's Schedule; its workflows have it too, followed by their time. */
export function collectionScheduleId(storeId: string): string {
  return `image-garbage-collection-${storeId}`;
}

/** The argument of the workflow and of its activity. */
export interface CollectionOrder {
  /** A worker of another store leaves it to the right one. */
  store_id: string;
}

/** What a collection did; the result of the workflow, and what `gc --json` prints. */
export interface CollectionReport {
  /** Blobs looked at. */
  examined: number;
  removed: number;
  freed_bytes: number;
  temporary_files_removed: number;
  /** Jobs that became expired by IMAGE_RETENTION_DAYS. */
  expired_jobs: number;
  /** Jobs whose end was written down, which nobody had read before Temporal would forget it. */
  ended_jobs: number;
  /** Deleted and expired jobs whose closed workflow went, and those whose workflow is still to go. */
  workflows_deleted: number;
  workflows_left: number;
  /** Documents that could not be read; when there are any, no blob was removed and no job expired. */
  unreadable: number;
  /** The first of them. */
  unreadable_documents: string[];
}

/** How far a collection is; its heartbeats carry this. */
export interface CollectionProgress {
  phase: 'jobs' | 'blobs' | 'pins' | 'removing';
  /** Manifests or blobs done in this phase. */
  done: number;
  /** Where it is known before the end. */
  total?: number;
}

/** The activities of `imageGarbageCollection`, as the workflow sees them. */
export interface CollectionActivities {
  collectGarbage(order: CollectionOrder): Promise<CollectionReport>;
}
