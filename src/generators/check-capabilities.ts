import type { JobInput } from '../contract/input.js';
import { referencesOf } from '../contract/input.js';
import type { Problem } from '../contract/errors.js';
import { pixelSize } from '../contract/input.js';
import type { ProviderName } from '../contract/names.js';
import { AVAILABLE_PROVIDERS, capabilitiesOf } from './capabilities.js';

type Asked = Pick<
  JobInput,
  'kind' | 'image_path' | 'image_paths' | 'mask_path' | 'seed' | 'quality' | 'background' | 'output_format' | 'size'
>;

/** What a provider lacks: reference count and mask are problems that name the limit, seed and the like are warnings. */
export function checkCapabilities(provider: ProviderName, asked: Asked): { problems: Problem[]; warnings: string[] } {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const can = capabilitiesOf(provider);
  if (!can) {
    const message = `${provider} is not available in this version; available are ${AVAILABLE_PROVIDERS.join(', ')}`;
    return { problems: [{ field: 'provider', code: 'PROVIDER_NOT_CONFIGURED', message }], warnings };
  }
  const references = asked.kind === 'image_batch_edit' ? 1 : referencesOf(asked).length;
  if (references > can.maxReferences) {
    const message = `${provider} takes at most ${can.maxReferences} references, not ${references}`;
    problems.push({ field: 'image_paths', code: 'LIMIT_EXCEEDED', message });
  }
  if (asked.mask_path !== undefined && !can.mask) {
    problems.push({ field: 'mask_path', code: 'INVALID_ARGUMENT', message: `${provider} takes no mask` });
  }
  const format = asked.output_format?.toLowerCase().replace(/^jpg$/, 'jpeg');
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
  return { problems, warnings };
}
