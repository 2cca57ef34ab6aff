import type { Check, Machine } from '../context.js';
import { error, ok } from '../finding.js';

export const platform: Check<Machine> = {
  id: 'platform',
  area: 'This machine',
  look({ platform: system, env }) {
    const remote = [env['TEMPORAL_ADDRESS'], env['TEMPORAL_PROFILE']].some((value) => value !== undefined && value.trim() !== '');
    if (system !== 'win32' || remote) return [ok('platform', `The system is ${system} on ${process.arch}.`)];
    const remedy = 'Set TEMPORAL_ADDRESS to a Temporal server, or use this program inside WSL.';
    return [error('platform', 'The local stack does not run on Windows, and no other Temporal is named.', remedy)];
  },
};
