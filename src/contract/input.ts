import * as z from 'zod';
import { JOB_KINDS } from './names.js';

/**
 * The one argument of the workflow `imageJob`, and (without `kind` and the fields of programs) the arguments of the four job tools.
 * Sizes, models and qualities are a provider's data: unknown ones pass through, so none of them is an enum.
 */

export const LIMITS = {
  promptCharacters: 32_000,
  promptPrefixCharacters: 4000,
  images: 10,
  /** A multi-reference to a provider whose limit is unknown. */
  references: 10,
  referenceBytes: 20 * 1024 * 1024,
  referencesBytes: 100 * 1024 * 1024,
  referencePixels: 50_000_000,
  dataUrlBytes: 1024 * 1024,
  minEdge: 64,
  maxEdge: 8192,
  tags: 20,
  /** The whole input in bytes, so that history stays small. */
  inputBytes: 256 * 1024,
} as const;

export const DEFAULT_SIZE = '1024x1024';

const SIZE_IN_PIXELS = /^(\d{1,5})\s*[xX×*]\s*(\d{1,5})$/;

/** Width and height in pixels of "WxH", or undefined for a provider's own word such as "auto" or "2K". */
export function pixelSize(size: string): { width: number; height: number } | undefined {
  const match = SIZE_IN_PIXELS.exec(size.trim());
  if (!match) return undefined;
  return { width: Number(match[1]), height: Number(match[2]) };
}

/** Width over height of "W:H", or undefined. */
export function ratioOf(aspectRatio: string): number | undefined {
  const match = /^(\d{1,4}(?:\.\d+)?)\s*[:/]\s*(\d{1,4}(?:\.\d+)?)$/.exec(aspectRatio.trim());
  if (!match || Number(match[1]) === 0 || Number(match[2]) === 0) return undefined;
  return Number(match[1]) / Number(match[2]);
}

const size = z
  .string()
  .min(1)
  .max(40)
  .refine((value) => edgesInRange(value), {
    message: `edges must be ${LIMITS.minEdge} to ${LIMITS.maxEdge} pixels, as in 1024x1024, or a word of the provider such as auto`,
  })
  .describe('WxH in pixels, or a word of the provider');

function edgesInRange(value: string): boolean {
  const pixels = pixelSize(value);
  if (!pixels) return /^[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(value);
  return [pixels.width, pixels.height].every((edge) => edge >= LIMITS.minEdge && edge <= LIMITS.maxEdge);
}

const name = z
  .string()
  .min(1)
  .regex(/^[\w.:/@+-]+$/, 'must be one word of letters, digits and . _ : / @ + -');
const word = name.max(100);

/** What shapes the picture. Each field changes what is bought, so each is part of the canonical input. */
export const pictureFields = {
  prompt: z.string().trim().min(1, 'must not be empty').max(LIMITS.promptCharacters),
  provider: word.optional(),
  // A version of a model is 64 characters beside its name.
  model: name
    .max(200)
    .refine((value) => value.split('/').every((part) => !/^\.*$/.test(part)), { message: 'must have no empty part, . or .. between its slashes' })
    .optional(),
  size: size.optional(),
  aspect_ratio: z
    .string()
    .refine((value) => ratioOf(value) !== undefined, 'must be W:H, as in 16:9')
    .optional(),
  quality: word.optional(),
  output_format: word.optional(),
  background: word.optional(),
  seed: z.int().min(0).max(4_294_967_295).optional(),
  n: z.int().min(1).max(LIMITS.images).optional(),
} as const;

/** What does not shape the picture. */
export const jobFields = {
  save_dir: z.string().min(1).max(4096).optional(),
  basename: z
    .string()
    .regex(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$/, 'must be 1 to 100 of A-Z a-z 0-9 _ . - and not begin with a dot')
    .optional(),
  idempotency_key: z.string().min(1).max(255).optional(),
  priority: z.int().min(1).max(5).optional(),
  tags: z.array(z.string().min(1).max(64)).max(LIMITS.tags).optional(),
  deadline_seconds: z.number().positive().max(7 * 24 * 3600).optional(),
  fallback: z.array(word).min(1).max(5).optional(),
} as const;

/** A blob of the store; only our own client and programs that share the store can name one. */
const blobReference = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** For people in the Web UI: the file's name, never used as a path. */
  name: z.string().max(255).optional(),
});

export const referenceSchema = z.union([z.string().min(1).max(4096), blobReference]);
export type Reference = z.infer<typeof referenceSchema>;

/** What the process of the call decided; believed only with a seal of this data folder (see src/client/seal.ts). */
const frozenSchema = z.strictObject({
  store_id: z.string(),
  /** The account of each provider that the job may use, by provider. */
  accounts: z.record(z.string(), z.string()).optional(),
  prompt_prefix: z.string().max(LIMITS.promptPrefixCharacters).optional(),
  /** Absolute folder for the exported files; only the local stack exports. */
  save_dir: z.string().optional(),
  warnings: z.array(z.string()).optional(),
  seal: z.string().optional(),
});
export type Frozen = z.infer<typeof frozenSchema>;

export const jobInputSchema = z
  .strictObject({
    kind: z.enum(JOB_KINDS),
    ...pictureFields,
    image_path: referenceSchema.optional(),
    image_paths: z.array(referenceSchema).min(1).max(100).optional(),
    mask_path: referenceSchema.optional(),
    ...jobFields,
    tenant: z.string().max(255).optional(),
    principal: z.string().max(255).optional(),
    session: z.string().max(255).optional(),
    frozen: frozenSchema.optional().describe('Set by the durable-image-mcp client; programs leave it out.'),
  })
  .superRefine((input, context) => {
    for (const problem of crossFieldProblems(input)) {
      context.addIssue({ code: 'custom', path: [problem.field], message: problem.message });
    }
  });
export type JobInput = z.infer<typeof jobInputSchema>;

/** What claims to be one and was not checked: each field may be missing. */
export type Unchecked<T> = { [Field in keyof T]?: T[Field] | undefined };

/** The fields that the rules between fields look at; every caller may hold more. */
export interface CrossFields {
  kind: JobInput['kind'];
  size?: string | undefined;
  aspect_ratio?: string | undefined;
  n?: number | undefined;
  image_path?: unknown;
  image_paths?: readonly unknown[] | undefined;
  mask_path?: unknown;
}

/** Rules between fields, for tools and programs alike. */
export function crossFieldProblems(input: CrossFields): { field: string; message: string }[] {
  const problems: { field: string; message: string }[] = [];
  const add = (field: string, message: string): void => void problems.push({ field, message });
  const { kind } = input;
  if (kind === 'image_edit' && input.image_path === undefined) add('image_path', 'is required');
  if (kind !== 'image_edit' && input.image_path !== undefined) add('image_path', `does not belong to ${kind}`);
  const many = kind === 'image_batch_edit' || kind === 'image_multi_reference';
  const least = kind === 'image_multi_reference' ? 2 : 1;
  if (many && (input.image_paths?.length ?? 0) < least) {
    add('image_paths', `needs at least ${least} reference${least === 1 ? '' : 's'}`);
  }
  if (kind === 'image_batch_edit' && (input.image_paths?.length ?? 0) > LIMITS.images) {
    add('image_paths', `takes at most ${LIMITS.images} pictures`);
  }
  if (!many && input.image_paths !== undefined) add('image_paths', `does not belong to ${kind}`);
  if (kind === 'image_generate' && input.mask_path !== undefined) add('mask_path', `does not belong to ${kind}`);
  if (kind === 'image_batch_edit' && (input.n ?? 1) !== 1) add('n', 'is 1 for a batch: one picture an input');
  const pixels = input.size === undefined ? undefined : pixelSize(input.size);
  const ratio = input.aspect_ratio === undefined ? undefined : ratioOf(input.aspect_ratio);
  if (pixels && ratio !== undefined && Math.abs(pixels.width / pixels.height / ratio - 1) > 0.02) {
    add('aspect_ratio', `contradicts size ${input.size}; give one of the two`);
  }
  return problems;
}

/** The references of an input in order, without the mask. */
export function referencesOf(input: Pick<JobInput, 'image_path' | 'image_paths'>): Reference[] {
  return input.image_paths ?? (input.image_path === undefined ? [] : [input.image_path]);
}
