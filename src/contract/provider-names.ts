import type { Problem } from './errors.js';
import { PROVIDER_NAMES, type ProviderName } from './names.js';

/** What the names of providers and models mean. No schema: what is loaded before the first call may import this file. */

const ALIASES: Readonly<Record<string, ProviderName>> = { gpt: 'openai', grok: 'xai', banana: 'gemini' };

/** Model names that say whose they are. */
const ROUTES: readonly [RegExp, ProviderName][] = [
  [/^grok(-|$)/i, 'xai'],
  [/^(nano-banana|gemini)(-|$)/i, 'gemini'],
  [/^gpt-image(-|$)/i, 'openai'],
];

/**
 * The provider that a name or an alias means; without a name the one that the model's name belongs to.
 * Neither found: no provider (the caller's default). A name that does not exist is a problem that lists those that do.
 */
export function resolveProvider(
  name: string | undefined,
  model: string | undefined,
  field = 'provider',
): { provider?: ProviderName; problem?: Problem } {
  if (name === undefined) {
    const route = model === undefined ? undefined : ROUTES.find(([pattern]) => pattern.test(model));
    return route === undefined ? {} : { provider: route[1] };
  }
  const wanted = name.trim().toLowerCase();
  const provider = PROVIDER_NAMES.find((known) => known === wanted) ?? (Object.hasOwn(ALIASES, wanted) ? ALIASES[wanted] : undefined);
  if (provider !== undefined) return { provider };
  const aliases = Object.entries(ALIASES).map(([alias, known]) => `${alias} for ${known}`);
  return {
    problem: {
      field,
      code: 'INVALID_ARGUMENT',
      message: `there is no provider ${JSON.stringify(name.slice(0, 60))}; there are ${PROVIDER_NAMES.join(', ')} (also ${aliases.join(', ')})`,
    },
  };
}
