import { isExecutable } from '../../local/executable.js';
import { findGo } from '../../local/go-install.js';
import { installedTemporal } from '../../local/temporal-binary.js';
import { PINNED_CLI_VERSION } from '../../local/temporal-version.js';
import { commandFor } from '../../own-command.js';
import type { Check } from '../context.js';
import { ok, warning, type Finding } from '../finding.js';

/** Which step finds the program of the local stack. Nothing is downloaded or built. */
export const temporalBinary: Check = {
  id: 'temporal-binary',
  area: 'Local stack',
  async look({ settings, env }) {
    if (settings.remote) return [];
    const others: string[] = [];
    const passedOver: Finding[] = [];
    const found = await installedTemporal({
      settings,
      env,
      onFailed(step, reason) {
        if (step !== 'TEMPORAL_CLI' || settings.TEMPORAL_CLI === undefined) return;
        passedOver.push(warning('temporal-binary', `TEMPORAL_CLI is passed over: ${reason}.`, 'Correct it, or remove it: the program is looked for then.'));
      },
      onOther: ({ path, version }) => others.push(`${path} (server ${version.server})`),
    });
    if (found) {
      const { step, binary } = found;
      return [ok('temporal-binary', `The temporal program is ${binary.path} (found by: ${step}; version ${binary.version.cli}, server ${binary.version.server}).`), ...passedOver];
    }
    const go = await findGo(env['PATH'] ?? '');
    const source = new URL(settings.IMAGE_TEMPORAL_DOWNLOAD_URL).host;
    const without = others.length === 0 ? '' : ` (${others.join(', ')} ${others.length === 1 ? 'is' : 'are'} of another version)`;
    const how = `the first job downloads ${PINNED_CLI_VERSION} from ${source}${go === undefined ? '' : `, or builds it with ${go}`}`;
    return [warning('temporal-binary', `There is no temporal program here yet${without}; ${how}.`, `Prepare it now: ${commandFor(settings, ['up'])}`), ...passedOver];
  },
};

/** The same as far as it can be seen at a glance. */
export const namedBinary: Check = {
  id: 'temporal-binary',
  area: 'Local stack',
  async look({ settings: { remote, TEMPORAL_CLI: path }, stack }) {
    if (remote || path === undefined || stack?.temporal_binary !== undefined) return [];
    if (await isExecutable(path)) return [];
    return [warning('temporal-binary', `TEMPORAL_CLI is passed over: ${path} is not an executable file.`, 'Correct it, or remove it: the program is looked for then.')];
  },
};
