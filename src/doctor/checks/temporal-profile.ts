import { access } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Check, Machine } from '../context.js';
import { ok, warning, type Finding } from '../finding.js';

/** With the local stack: what is set for a Temporal elsewhere and does not count. Nothing is connected to. */
export const temporalProfile: Check = {
  id: 'temporal-profile',
  area: 'Temporal',
  async look({ settings, env, platform }) {
    if (settings.remote) return [];
    const findings: Finding[] = [];
    const lonely = Object.keys(env).filter((name) => /^TEMPORAL_(NAMESPACE|API_KEY|CONFIG_FILE|TLS(_.*)?)$/.test(name) && (env[name] ?? '').trim() !== '');
    if (lonely.length > 0) {
      const what = `${lonely.sort().join(', ')} ${lonely.length === 1 ? 'counts' : 'count'} for nothing: without TEMPORAL_ADDRESS or TEMPORAL_PROFILE jobs run on the local stack.`;
      findings.push(warning('temporal-profile', what, 'Set TEMPORAL_ADDRESS or TEMPORAL_PROFILE to use that Temporal, or remove what is not meant.'));
    }
    const path = profilesPath({ env, platform });
    if (path !== undefined && (await isThere(path))) {
      findings.push(ok('temporal-profile', `${path} is not used: jobs run on the local stack unless TEMPORAL_PROFILE names one of its profiles.`));
    }
    return findings;
  },
};

/** Where every Temporal program looks for profiles, as @temporalio/envconfig has it. */
function profilesPath({ env, platform }: Pick<Machine, 'env' | 'platform'>): string | undefined {
  const { APPDATA, HOME, XDG_CONFIG_HOME } = env;
  const home = HOME === undefined || HOME === '' ? undefined : HOME;
  const linux = XDG_CONFIG_HOME ? (isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : undefined) : home && join(home, '.config');
  const folder = platform === 'win32' ? APPDATA : platform === 'darwin' ? home && join(home, 'Library', 'Application Support') : linux;
  return folder && join(folder, 'temporalio', 'temporal.toml');
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
