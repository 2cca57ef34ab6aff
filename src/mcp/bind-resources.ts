import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CompleteRequestSchema,
  ErrorCode,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ReadResourceRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { JobApi } from '../client/job-api.js';
import type { ErrorCode as OurCode, JobError } from '../contract/errors.js';
import { refusalOf } from './refusal.js';
import { completeVariable, readResource, recentResources, RESOURCE_TEMPLATES } from './resources.js';

interface ResourceContext {
  jobs: () => Promise<JobApi>;
  /** Lets a call in flight end before the server leaves. */
  tracked: <T>(call: Promise<T>) => Promise<T>;
  logError: (message: string, error: unknown) => void;
}

/** Serves resources, their templates and completion. Listing templates touches nothing. */
export function bindResources(server: Server, { jobs, tracked, logError }: ResourceContext): void {
  const answered = async <T>(call: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await tracked(work());
    } catch (error) {
      throw new ResourceError(refusalOf(error, call, { logError }));
    }
  };
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: [...RESOURCE_TEMPLATES] }));
  server.setRequestHandler(ListResourcesRequestSchema, async () =>
    answered('resources/list', async () => ({ resources: await recentResources(await jobs()) })),
  );
  server.setRequestHandler(ReadResourceRequestSchema, async ({ params }) =>
    answered('resources/read', async () => ({ contents: [await readResource(params.uri, jobs)] })),
  );
  server.setRequestHandler(CompleteRequestSchema, async ({ params: { ref, argument, context } }) =>
    answered('completion/complete', async () => {
      const known = ref.type === 'ref/resource' && RESOURCE_TEMPLATES.some(({ uriTemplate }) => uriTemplate === ref.uri);
      if (!known) return { completion: { values: [] } };
      return { completion: await completeVariable(argument.name, argument.value, context?.arguments ?? {}, await jobs()) };
    }),
  );
}

/** What the SDK's own server answers for what does not exist or is not allowed; the rest is this server's trouble. */
const CALLERS: ReadonlySet<OurCode> = new Set([
  'NOT_FOUND',
  'INVALID_ARGUMENT',
  'INVALID_STATE',
  'LIMIT_EXCEEDED',
  'RESULT_EXPIRED',
  'PERMISSION_DENIED',
]);

/** A JSON-RPC error whose text is ours: the SDK would put its own words before the message of one of its class. */
class ResourceError extends Error {
  readonly code: ErrorCode;
  readonly data: JobError;

  constructor(refusal: JobError) {
    super(`${refusal.code}: ${refusal.message} ${refusal.next_step}`);
    this.code = CALLERS.has(refusal.code) ? ErrorCode.InvalidParams : ErrorCode.InternalError;
    this.data = refusal;
  }
}
