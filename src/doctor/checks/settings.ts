import { ACCOUNT_FAMILIES } from '../../accounts/environment.js';
import { SETTING_NAMES } from '../../config.js';
import type { JobFailure } from '../../contract/errors.js';
import type { Check } from '../context.js';
import { error, ok, warning, type Finding } from '../finding.js';
import { nearestName } from '../nearest-name.js';

/** Other programs have variables that begin like ours, so only one that is nearly ours is told. */
const OURS = /^(IMAGE|EFLOWCODE|EF)_/;

/** The names of all variables of accounts. */
export const ACCOUNT_NAMES: readonly string[] = ACCOUNT_FAMILIES.flatMap(({ key, url, models = {} }) => [key, url, ...Object.values(models)]);

const KNOWN = [...SETTING_NAMES, ...ACCOUNT_NAMES];

export const settings: Check = {
  id: 'settings',
  area: 'Settings and folders',
  look({ env }) {
    const findings = Object.keys(env).flatMap((name) => {
      const meant = OURS.test(name) && !KNOWN.includes(name) ? nearestName(name, KNOWN) : undefined;
      return meant === undefined ? [] : [warning('settings', `The variable ${name} is not known and counts for nothing.`, `Call it ${meant}, if that was meant.`)];
    });
    return findings.length > 0 ? findings : [ok('settings', 'The settings can be read.')];
  },
};

/** Instead of everything that needs the settings. */
export function unreadableSettings({ message, nextStep }: JobFailure): Finding {
  return error('settings', message, nextStep);
}
