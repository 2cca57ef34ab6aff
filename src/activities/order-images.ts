import type { GenerationOrder, Generated, Picture, StoredImage } from '../contract/plan.js';
import { JobFailure, type Billing } from '../contract/errors.js';
import { LIMITS } from '../contract/input.js';
import type { GeneratedImage, GenerationRequest, GenerationResult, Generator, ReferenceImage } from '../generators/generator.js';
import { inspectImage, type InspectedImage } from '../references/inspect.js';
import type { ActivityDependencies } from './dependencies.js';

/** The request of an order, with the bytes of its references. */
export async function requestOf(deps: ActivityDependencies, order: GenerationOrder): Promise<GenerationRequest> {
  const [references, mask] = await Promise.all([
    Promise.all(order.item.references.map((reference) => load(deps, reference))),
    order.item.mask ? load(deps, order.item.mask) : undefined,
  ]);
  return { picture: withOwnSeed(order), model: order.target.model, references, mask };
}

const SEEDS = 2 ** 32;

/** n pictures of one seed would be n times the same: each gets the next one. Of a batch each has a picture of its own to begin with. */
function withOwnSeed({ picture, item }: GenerationOrder): Picture {
  if (picture.seed === undefined || picture.kind === 'image_batch_edit') return picture;
  return { ...picture, seed: (picture.seed + item.item) % SEEDS };
}

async function load(deps: ActivityDependencies, image: StoredImage): Promise<ReferenceImage> {
  const bytes = await deps.store.getBlob(image.sha256);
  if (!bytes) {
    throw new JobFailure({
      code: 'STORE_UNAVAILABLE',
      message: `A reference (SHA-256 ${image.sha256.slice(0, 12)}…) is not in the store of this worker.`,
      nextStep: 'Check that this worker uses the store that the job was submitted to.',
      retryable: true,
    });
  }
  return { bytes, mimeType: image.mime_type, width: image.width, height: image.height };
}

/** Larger than a reference may be: what was paid for is kept. The edges are those that a size may ask for. */
const OUTPUT_LIMITS = { bytes: 128 * 1024 * 1024, pixels: LIMITS.maxEdge * LIMITS.maxEdge };

/** What a provider sent as pictures and nobody can use: final, and paid. */
export interface Unusable {
  state: 'unusable';
  failure: JobFailure;
  billing: Billing;
}

/**
 * Stores the pictures of a result. What the provider calls a picture is inspected before it counts as one; a result
 * without any is an end like others, never an error of the step: the step would be tried again or handed to another provider.
 */
export async function storeResult(
  deps: ActivityDependencies,
  result: GenerationResult,
  generator: Generator,
): Promise<Generated | Unusable> {
  const inspected = result.images.map(inspectOutput);
  const [why] = inspected.flatMap((one) => (one instanceof JobFailure ? [one] : []));
  const usable = inspected.flatMap((one) => (one instanceof JobFailure ? [] : [one]));
  if (usable.length === 0) return { state: 'unusable', failure: unusable(why), billing: generator.free ? 'none' : 'billed' };
  const outputs = await Promise.all(
    usable.map(async ({ image, seen }): Promise<StoredImage> => {
      const blob = await deps.store.putBlob(image.bytes);
      return {
        sha256: blob.sha256,
        size_bytes: blob.sizeBytes,
        mime_type: seen.mimeType,
        width: seen.width,
        height: seen.height,
      };
    }),
  );
  return {
    state: 'done',
    outputs,
    generative: generator.capabilities(undefined).generative,
    cost: result.cost,
    usage: result.usage,
    notes: why ? [...(result.notes ?? []), `A further picture of the provider cannot be used: ${why.message}`] : result.notes,
  };
}

function inspectOutput(image: GeneratedImage): { image: GeneratedImage; seen: InspectedImage } | JobFailure {
  try {
    return { image, seen: inspectImage(image.bytes, OUTPUT_LIMITS) };
  } catch (error) {
    if (error instanceof JobFailure) return error;
    throw error;
  }
}

function unusable(why: JobFailure | undefined): JobFailure {
  return new JobFailure({
    code: 'NO_IMAGE',
    message: `The provider sent something that cannot be used as a picture${why ? `: ${why.message}` : '.'}`,
    nextStep: 'It was paid; ask the user, then call image_job_retry with acknowledge_possible_double_charge or change the prompt.',
  });
}
