import { Manifests } from '../../blobs/manifests.js';
import { JobFailure } from '../../contract/errors.js';
import { commandFor } from '../../own-command.js';
import type { Check } from '../context.js';
import { error, ok, warning, type Finding } from '../finding.js';

/** The journals of all jobs: those that cannot be read, and, while nothing runs them, those that are open. */
export const manifests: Check = {
  id: 'manifests',
  area: 'Jobs',
  async look({ store, temporal, settings }) {
    if (store === undefined || store instanceof JobFailure) return [];
    const unreadable: { key: string; failure: JobFailure }[] = [];
    let [count, open] = [0, 0];
    for await (const manifest of new Manifests(store).list((key, failure) => unreadable.push({ key, failure }))) {
      count += 1;
      if (manifest.state === 'accepted') open += 1;
    }
    const findings: Finding[] = [];
    const [first] = unreadable;
    if (first) {
      const [one, many] = [unreadable.length === 1, unreadable.length];
      const what = `${one ? 'The journal of a job' : `The journals of ${many} jobs`} cannot be read (${first.key}${one ? '' : ' and others'}); nothing is removed from the store meanwhile.`;
      findings.push(error('manifests', what, first.failure.nextStep));
    } else findings.push(ok('manifests', `The journals of ${count} ${count === 1 ? 'job' : 'jobs'} can be read.`));
    if (temporal.state === 'down' && open > 0) {
      const what = `${open} ${open === 1 ? 'job is' : 'jobs are'} open while the local stack is not running.`;
      findings.push(warning('manifests', what, `Let them go on: ${commandFor(settings, ['up'])}`));
    }
    return findings;
  },
};
