import { compareVersions } from '../../local/compare-versions.js';
import type { Check, Machine } from '../context.js';
import { error, ok } from '../finding.js';

/** As `engines` of package.json has it (a test compares them). */
export const LEAST_NODE = '20.11.0';

export const nodeVersion: Check<Machine> = {
  id: 'node',
  area: 'This machine',
  look({ nodeVersion: version }) {
    if (compareVersions(version, LEAST_NODE) >= 0) return [ok('node', `Node ${version} runs this program.`)];
    return [
      error('node', `Node ${version} is older than ${LEAST_NODE}, the oldest that this program runs on.`, 'Install Node 20 or newer and start it with that.'),
    ];
  },
};
