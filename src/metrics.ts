import { noopMetricMeter, type MetricMeter } from '@temporalio/common';
import type { AttemptState } from './blobs/attempts.js';
import type { ProviderName } from './contract/names.js';

/** What a worker counts beside Temporal's own figures; they leave by the same exporter. */
export interface Metrics {
  /** What became of one request that may cost money, and how long it took until then. */
  request(provider: ProviderName, state: AttemptState, seconds: number): void;
  /** Pictures that were stored, at this cost where it is known. */
  pictures(provider: ProviderName, count: number, cost?: { amount: number; currency: string }): void;
}

export function createMetrics(meter: MetricMeter): Metrics {
  const requests = meter.createCounter('image_requests', 'requests', 'Requests to providers that may cost money, by what became of them');
  const seconds = meter.createHistogram('image_request', 'float', 'seconds', 'From sending such a request until its outcome was written down');
  const pictures = meter.createCounter('image_pictures', 'pictures', 'Pictures that were bought or made, and stored');
  // A counter of the SDK counts whole things.
  const cost = meter.createCounter('image_cost_micros', 'micros', 'Cost of these pictures in millionths of the currency, where it is known');
  return {
    request(provider, state, duration) {
      requests.add(1, { provider, state });
      seconds.record(duration, { provider });
    },
    pictures(provider, count, paid) {
      pictures.add(count, { provider });
      if (paid) cost.add(Math.round(paid.amount * 1e6), { provider, currency: paid.currency });
    },
  };
}

/** Where nobody looks. */
export const NO_METRICS = createMetrics(noopMetricMeter);
