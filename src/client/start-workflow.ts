import {
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  type Client,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import type { JobInput } from '../contract/input.js';
import { MEMO, TASK_QUEUES, WORKFLOW_TYPE, type SearchAttributeName } from '../contract/names.js';

/** Characters of the prompt that lists and the Web UI show. */
const TITLE_CHARACTERS = 60;

export interface StartRequest {
  jobId: string;
  input: JobInput;
  /** Compared when the same ID is started again. */
  requestDigest?: string;
  /** A closed run of the same ID may be followed by another: a retry or a recovery, never a first start. */
  again?: boolean;
}

export type StartResult = { type: 'started' } | { type: 'exists' };

/** The first 60 characters of the prompt on one line. */
export function titleOf(input: Pick<JobInput, 'prompt'>): string {
  const line = input.prompt.replace(/\s+/g, ' ').trim();
  return line.length <= TITLE_CHARACTERS ? line : `${line.slice(0, TITLE_CHARACTERS - 1)}…`;
}

/**
 * Starts `imageJob` with everything that a reader finds later. Search attributes that the server does not know are
 * dropped, with the warning that `onDropped` gets. Any other error of Temporal is thrown as it is.
 */
export async function startWorkflow(
  client: Client,
  request: StartRequest,
  onDropped?: () => void,
): Promise<StartResult> {
  const options = startOptions(request);
  try {
    await client.workflow.start(WORKFLOW_TYPE, options);
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return { type: 'exists' };
    if (!namesSearchAttribute(error)) throw error;
    onDropped?.();
    try {
      await client.workflow.start(WORKFLOW_TYPE, { ...options, typedSearchAttributes: undefined });
    } catch (second) {
      if (second instanceof WorkflowExecutionAlreadyStartedError) return { type: 'exists' };
      throw second;
    }
  }
  return { type: 'started' };
}

function startOptions({ jobId, input, requestDigest, again }: StartRequest): WorkflowStartOptions {
  const title = titleOf(input);
  return {
    workflowId: jobId,
    taskQueue: TASK_QUEUES.jobs,
    args: [input],
    workflowIdReusePolicy: again ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE',
    workflowIdConflictPolicy: 'FAIL',
    memo: { [MEMO.title]: title, ...(requestDigest === undefined ? {} : { [MEMO.digest]: requestDigest }) },
    staticSummary: `${input.kind}: ${title}`,
    typedSearchAttributes: searchAttributes(input),
    priority: { priorityKey: input.priority ?? 3, ...(input.tenant ? { fairnessKey: input.tenant.slice(0, 64) } : {}) },
  };
}

function searchAttributes(input: JobInput): SearchAttributePair[] {
  const pairs: SearchAttributePair[] = [];
  const keyword = (name: SearchAttributeName, value: string | undefined): void => {
    if (value) pairs.push({ key: defineSearchAttributeKey(name, 'KEYWORD'), value });
  };
  keyword('ImageKind', input.kind);
  keyword('ImageProvider', input.provider);
  keyword('ImageTenant', input.tenant);
  keyword('ImageSession', input.session);
  if (input.tags?.length) pairs.push({ key: defineSearchAttributeKey('ImageTags', 'KEYWORD_LIST'), value: input.tags });
  return pairs;
}

const INVALID_ARGUMENT = 3;

function namesSearchAttribute(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  if (!(cause instanceof Error) || !('code' in cause)) return false;
  return cause.code === INVALID_ARGUMENT && /search attribute/i.test(cause.message);
}
