import type { Check } from '../context.js';
import { ok, warning } from '../finding.js';

/** Ages, deadlines and "when did a worker last ask" are told by two clocks. */
const TOLERATED_SECONDS = 2;

export const clock: Check = {
  id: 'clock',
  area: 'Temporal',
  async look({ workers, temporal }) {
    const seen = await workers();
    if (seen.by !== 'ping' || temporal.state !== 'answers') return [];
    const { clockAheadSeconds: ahead } = seen.pinged;
    if (Math.abs(ahead) <= TOLERATED_SECONDS) return [ok('clock', 'The clocks of Temporal and of this machine agree.')];
    const what = `The clock of Temporal at ${temporal.address} is ${Math.round(Math.abs(ahead))} seconds ${ahead > 0 ? 'ahead of' : 'behind'} the one of this machine.`;
    return [warning('clock', what, 'Set the clocks of both machines by the network (NTP).')];
  },
};
