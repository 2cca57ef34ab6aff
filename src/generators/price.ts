import type { Cost } from '../contract/record.js';
import type { Price } from './generator.js';

/**
 * What pictures cost by a price list, for providers that do not say it themselves. By tokens only when the answer counted
 * every kind of token that the list names (`a.b` is b inside a): a part of a price is none.
 */
export function costByList(price: Price | undefined, images: number, usage: Record<string, unknown> | undefined): Cost | undefined {
  if (!price) return undefined;
  const { currency, source, perImage, perMillion } = price;
  let amount = (perImage ?? 0) * images;
  for (const [name, each] of Object.entries(perMillion ?? {})) {
    const count = name.split('.').reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), usage);
    if (typeof count !== 'number' || count < 0) return undefined;
    amount += (count * each) / 1e6;
  }
  if (perImage === undefined && perMillion === undefined) return undefined;
  return believable({ amount: Math.round(amount * 1e6) / 1e6, currency, source });
}

/** No request costs less than nothing, or as much as a house: such a number is a fault, and would hide what was spent. */
export function believable(cost: Cost | undefined): Cost | undefined {
  return cost && cost.amount >= 0 && cost.amount <= MOST_A_REQUEST ? cost : undefined;
}

const MOST_A_REQUEST = 10_000;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
