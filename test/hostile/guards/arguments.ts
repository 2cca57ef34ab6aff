import type { Guard } from '../case.js';

const INPUT = 'contract/input.ts';
const ARGUMENTS = 'contract/arguments.ts';
const LENIENT = 'contract/lenient.ts';
const DATA = 'references/data-url.ts';
const SNAPSHOT = 'references/snapshot.ts';
const RESOLVE = 'references/resolve.ts';

/** Guards of arguments, of data: and image:// references, and of what programs may write into a job's input. */
export const ARGUMENT_GUARDS = [
  { id: 'plain-basename', what: 'a basename has plain characters', off: [{ file: INPUT, find: '.regex(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$/', replace: '.regex(/^/' }] },
  { id: 'reference-length', what: 'a reference has an end', off: [{ file: ARGUMENTS, find: "value.startsWith('data:') || value.length <= 4096", replace: 'value.length > 0' }, { file: 'references/roots.ts', find: 'if (given.length > LONGEST_PATH) throw', replace: 'if (false) throw' }] },
  { id: 'reference-is-text', what: 'a call names references by text', off: [{ file: ARGUMENTS, find: 'const reference = z\n  .string()', replace: 'const reference = z.coerce\n  .string()' }] },
  { id: 'most-references', what: 'a provider takes so many references', off: [{ file: 'generators/check-capabilities.ts', find: 'if (references > can.maxReferences) {', replace: 'if (false) {' }] },
  { id: 'fields-belong', what: 'each kind of job has its own fields', off: [{ file: INPUT, find: 'void problems.push({ field, message });', replace: 'undefined;' }] },
  { id: 'no-keys', what: 'keys are never arguments', off: [{ file: LENIENT, find: "} else if (plain(name).endsWith('apikey')) {", replace: '} else if (false) {' }] },
  { id: 'own-fields', what: 'only the own names of a schema are fields', off: [{ file: LENIENT, find: 'Object.hasOwn(schema.shape, name) ? schema.shape[name] : undefined', replace: 'schema.shape[name]' }] },
  { id: 'named-arguments', what: 'arguments are an object', off: [{ file: ARGUMENTS, find: 'const forgiven = forgive(schema, raw);', replace: "const forgiven = forgive(schema, raw) ?? forgive(schema, { prompt: 'x' });" }] },
  { id: 'prompt-length', what: 'a prompt has an end', off: [{ file: INPUT, find: ".min(1, 'must not be empty').max(LIMITS.promptCharacters)", replace: '.min(1)' }] },
  { id: 'picture-edges', what: 'a picture has edges that can be made', off: [{ file: INPUT, find: 'edge >= LIMITS.minEdge && edge <= LIMITS.maxEdge', replace: 'edge >= 0' }] },
  { id: 'picture-count', what: 'a job makes so many pictures', off: [{ file: INPUT, find: 'n: z.int().min(1).max(LIMITS.images)', replace: 'n: z.int()' }] },
  { id: 'plain-words', what: 'names of models and the like are single words', off: [{ file: INPUT, find: ".regex(/^[\\w.:/@+-]+$/, 'must be one word of letters, digits and . _ : / @ + -')", replace: '' }] },
  { id: 'few-tags', what: 'a job has so many tags', off: [{ file: INPUT, find: 'z.array(z.string().min(1).max(64)).max(LIMITS.tags)', replace: 'z.array(z.string())' }] },
  { id: 'key-length', what: 'an idempotency_key has an end', off: [{ file: INPUT, find: 'idempotency_key: z.string().min(1).max(255)', replace: 'idempotency_key: z.string()' }] },
  { id: 'deadline-length', what: 'a deadline is within a week', off: [{ file: INPUT, find: '.positive().max(7 * 24 * 3600)', replace: '' }] },

  { id: 'data-comma', what: 'a data: URL has a head of ordinary length', off: [{ file: DATA, find: "const comma = url.slice(0, 200).indexOf(',');", replace: "const comma = url.includes(',') ? url.indexOf(',') : url.length;" }] },
  { id: 'data-type', what: 'a data: URL declares a picture', off: [{ file: DATA, find: 'if (!isPicture(mimeType)) {', replace: 'if (false) {' }] },
  { id: 'data-base64', what: 'a data: URL says base64', off: [{ file: DATA, find: "if (parameters.at(-1) !== 'base64') throw", replace: 'if (false) throw' }] },
  { id: 'data-alphabet', what: 'a data: URL has nothing but base64', off: [{ file: DATA, find: 'if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) throw', replace: 'if (false) throw' }] },
  { id: 'data-size', what: 'a data: URL holds a mebibyte', off: [{ file: DATA, find: 'if (size <= limit) return;', replace: 'return;' }, { file: ARGUMENTS, find: 'problems.push(...dataUrlProblems(sound));', replace: '' }] },
  { id: 'data-size-first', what: 'a data: URL that is too large is not looked into', off: [{ file: DATA, find: 'refuseOver(((url.length - comma) * 3) / 4, maxBytes * 1.1);', replace: '' }, { file: ARGUMENTS, find: 'problems.push(...dataUrlProblems(sound));', replace: '' }] },

  { id: 'known-schemes', what: 'a reference has a scheme that references have', off: [{ file: SNAPSHOT, find: "if (scheme !== undefined && scheme.toLowerCase() !== 'file') {", replace: 'if (false) {' }] },
  { id: 'image-uri', what: 'the URI of a picture has one form', off: [{ file: 'references/image-uri.ts', find: 'const IMAGE_URI = /^image:\\/\\/jobs\\/([^/?#]+)\\/outputs\\/(0|[1-9]\\d{0,3})(\\/thumbnail)?$/;', replace: 'const IMAGE_URI = /^image:\\/*jobs?\\/*(.*?)(?:\\/+outputs\\/+(-?\\w*).*)?$/s;' }] },
  { id: 'image-uri-id', what: 'the id in a URI is a job_id', off: [{ file: 'references/image-uri.ts', find: 'return isJobId(jobId) ? jobId : undefined;', replace: 'return jobId;' }] },
  { id: 'image-uri-encoding', what: 'the id in a URI is encoded as it should be', off: [{ file: 'references/image-uri.ts', find: '} catch {\n    return undefined;', replace: '} catch {\n    return text;' }] },
  { id: 'known-picture', what: 'the URI of a picture names one that is known', keepsFaults: true, off: [{ file: RESOLVE, find: 'if (digest === undefined) {', replace: 'if (false) {' }] },

  { id: 'program-schemes', what: 'a program names absolute places', off: [{ file: RESOLVE, find: 'if (!isAbsolute(toLocalPath(given))) {', replace: 'if (false) {' }] },
  { id: 'program-data', what: 'a program sends no bytes in its input', off: [{ file: RESOLVE, find: "throw invalid('A job takes no data: URLs.', 'Store the bytes as a blob, or give an https:// URL.');", replace: "return keep(Buffer.from(given.slice(given.indexOf(',') + 1), 'base64'), context);" }] },
  { id: 'program-blob-name', what: 'a blob is named by its digest', off: [{ file: INPUT, find: 'sha256: z.string().regex(/^[0-9a-f]{64}$/)', replace: 'sha256: z.string()' }], keepsFaults: true },
  { id: 'program-blob-field', what: 'a blob has nothing but its digest and a name', off: [{ file: INPUT, find: 'const blobReference = z.strictObject({', replace: 'const blobReference = z.object({' }] },
  { id: 'program-blob-there', what: 'a blob is in the store', keepsFaults: true, off: [{ file: RESOLVE, find: 'if (!bytes) {', replace: 'if (false) {' }] },
  { id: 'program-blob-size', what: 'a blob is not larger than a reference may be', off: [{ file: RESOLVE, find: 'if (blob) refuseTooManyBytes(blob.sizeBytes, LIMITS.referenceBytes);', replace: '' }, { file: 'references/inspect.ts', find: 'refuseTooManyBytes(bytes.length, limits.bytes);', replace: '' }] },
  { id: 'program-fields', what: 'an input has the fields of an input', off: [{ file: INPUT, find: 'export const jobInputSchema = z\n  .strictObject({', replace: 'export const jobInputSchema = z\n  .object({' }] },
  { id: 'program-checked', what: 'the input is read by the schema, whoever wrote it', off: [{ file: 'activities/plan-job.ts', find: 'if (parsed.success) return parsed.data;', replace: 'if (parsed.success || true) return (parsed.data ?? given) as never;' }, { file: 'generators/check-capabilities.ts', find: 'if (!can.kinds.includes(asked.kind)) {', replace: 'if (false) {' }], keepsFaults: true },
  { id: 'own-store', what: 'a job runs where its pictures are', off: [{ file: 'activities/plan-job.ts', find: 'if (expected === undefined || expected === deps.store.id) return;', replace: 'return;' }] },
] as const satisfies readonly Guard[];
