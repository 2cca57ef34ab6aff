/** Names that cross a process boundary. Pure constants: workflow code may import this file. */

export const WORKFLOW_TYPE = 'imageJob';
export const JOB_QUERY = 'job';

export const TASK_QUEUES = {
  /** Workflow tasks, and the queue that programs in other languages name. */
  jobs: 'image-jobs',
  upload: 'image-upload',
  collect: 'image-collect',
  store: 'image-store',
} as const;

/** Submits of one provider, and nothing else, run here: its slots and its rate are that provider's. */
export function submitQueue(provider: string): string {
  return `image-submit-${provider}`;
}

export const JOB_KINDS = ['image_generate', 'image_edit', 'image_batch_edit', 'image_multi_reference'] as const;
export type JobKind = (typeof JOB_KINDS)[number];

/** In the order in which the first with an account becomes the default. */
export const PROVIDER_NAMES = [
  'local',
  'openai',
  'openai-images',
  'gemini',
  'xai',
  'bfl',
  'fal',
  'replicate',
  'sdcpp',
] as const;
export type ProviderName = (typeof PROVIDER_NAMES)[number];

/** Search attributes, all optional; set at start only. */
export const SEARCH_ATTRIBUTES = {
  ImageKind: 'KEYWORD',
  ImageProvider: 'KEYWORD',
  ImageTenant: 'KEYWORD',
  ImageSession: 'KEYWORD',
  ImageTags: 'KEYWORD_LIST',
} as const;
export type SearchAttributeName = keyof typeof SEARCH_ATTRIBUTES;

/** Memo fields of a job: what a reader needs without the input. */
export const MEMO = { digest: 'request_digest', title: 'title' } as const;

/** Failure types that mean "wait and look again", never the end of a job. */
export const WAITING = {
  /** The account that the job was submitted with is not known to this worker. */
  key: 'WAITING_FOR_KEY',
  /** Another sender may still be alive: its attempt record is open. */
  reply: 'WAITING_FOR_REPLY',
} as const;
