import { readAccounts } from '../../accounts/environment.js';
import { readCredentialsFile } from '../../accounts/credentials-file.js';
import { SETTING_NAMES } from '../../config.js';
import type { Check } from '../context.js';
import { ok, warning, type Finding } from '../finding.js';
import { nearestName } from '../nearest-name.js';
import { ACCOUNT_NAMES } from './settings.js';

/** A key that was pasted without its name can look like one (`abc=`): only what is surely a name is shown. */
const SURELY_A_NAME = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/;

/** Values are never shown. A file that is open to others or cannot be parsed is refused with its remedy by the reader. */
export const credentialsFile: Check = {
  id: 'credentials-file',
  area: 'Providers',
  async look({ settings: { credentialsFile: path, IMAGE_CREDENTIALS_FILE: named } }) {
    const values = await readCredentialsFile(path);
    if (!values && named === undefined) return [];
    if (!values) return [warning('credentials-file', `The credentials file ${path} is not there.`, 'Correct IMAGE_CREDENTIALS_FILE, or make the file.')];
    const providers = [...new Set(readAccounts(values).map(({ provider }) => provider))];
    const unknown = Object.keys(values).filter((name) => !ACCOUNT_NAMES.includes(name));
    const findings = unknown.map((name) => unknownName(name, path));
    if (providers.length > 0) findings.unshift(ok('credentials-file', `The credentials file ${path} has an account for ${providers.join(', ')}.`));
    else findings.push(warning('credentials-file', `The credentials file ${path} holds no key.`, 'Put a line such as OPENAI_API_KEY=… into it, or remove the file.'));
    return findings;
  },
};

function unknownName(name: string, path: string): Finding {
  if (SETTING_NAMES.includes(name)) {
    const what = `${name} in the credentials file ${path} counts for nothing: only keys, base URLs and models are read from it.`;
    return warning('credentials-file', what, `Set ${name} in the environment instead.`);
  }
  const meant = nearestName(name, ACCOUNT_NAMES);
  const shown = SURELY_A_NAME.test(name) ? `The variable ${name}` : 'A variable whose name is not shown';
  const remedy = meant === undefined ? `Use one of ${ACCOUNT_NAMES.filter((known) => /_(KEY|TOKEN)$/.test(known)).join(', ')}, or remove the line.` : `Call it ${meant}, if that was meant.`;
  return warning('credentials-file', `${shown} in the credentials file ${path} is not known and counts for nothing.`, remedy);
}
