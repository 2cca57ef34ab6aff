import type { JobInput } from '../contract/input.js';
import { referencesOf } from '../contract/input.js';
import type { Problem } from '../contract/errors.js';
import { pixelSize } from '../contract/input.js';
import type { ProviderName } from '../contract/names.js';
import { capabilitiesOf } from './capabilities.js';
import type { Overrides } from './overrides.js';
import { mapSize } from './sizes.js';
import { formatOf } from './spelling.js';

type Asked = Pick<
  JobInput,
  'kind' | 'image_path' | 'image_paths' | 'mask_path' | 'seed' | 'quality' | 'background' | 'output_format' | 'size' | 'aspect_ratio'
>;

/**
 * What a provider lacks with a model: reference count and mask are problems that name the limit, seed and the like, and
 * a size that it does not offer, are warnings.
 */
export function checkCapabilities(provider: ProviderName, asked: Asked, model: string | undefined, overrides: Overrides): { problems: Problem[]; warnings: string[] } {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const can = capabilitiesOf(provider, model, overrides);
  const named = model === undefined ? provider : `${provider} with the model ${model}`;
  if (!can.kinds.includes(asked.kind)) {
    problems.push({ field: 'model', code: 'INVALID_ARGUMENT', message: `${named} can do ${can.kinds.join(', ')} only` });
  }
  const references = asked.kind === 'image_batch_edit' ? 1 : referencesOf(asked).length;
  if (references > can.maxReferences) {
    const message = `${named} takes at most ${can.maxReferences} references, not ${references}`;
    problems.push({ field: 'image_paths', code: 'LIMIT_EXCEEDED', message });
  }
  if (asked.mask_path !== undefined && !can.mask) {
    problems.push({ field: 'mask_path', code: 'INVALID_ARGUMENT', message: `${named} takes no mask` });
  }
  const format = formatOf(asked.output_format);
  if (format !== undefined && !can.formats.includes(format)) {
    const message = `${provider} makes ${can.formats.join(', ')}, not ${asked.output_format}`;
    problems.push({ field: 'output_format', code: 'INVALID_ARGUMENT', message });
  }
  for (const field of ['seed', 'quality', 'background'] as const) {
    if (asked[field] !== undefined && !can[field]) warnings.push(`${provider} has no ${field}; it was ignored`);
  }
  if (asked.size !== undefined && !pixelSize(asked.size) && !can.generative) {
    warnings.push(`${provider} knows no size ${asked.size}; it chose one itself`);
  }
  const { differs } = mapSize(asked, can.sizes);
  if (differs !== undefined) warnings.push(`${named} does not offer this size: ${differs}`);
  return { problems, warnings };
}
