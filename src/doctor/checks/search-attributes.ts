import { isGrpcServiceError } from '@temporalio/client';
import { isNotFound } from '../../client/describe-job.js';
import { SEARCH_ATTRIBUTES } from '../../contract/names.js';
import { INDEXED_VALUE_TYPE } from '../../local/temporal-server.js';
import { commandFor } from '../../own-command.js';
import type { Check } from '../context.js';
import { ok, warning } from '../finding.js';

const ANSWER_MS = 5_000;

/** Jobs run without them, but cannot be found by them in the Web UI or by a program. */
export const searchAttributes: Check = {
  id: 'search-attributes',
  area: 'Temporal',
  async look({ temporal, settings }) {
    if (temporal.state !== 'answers') return [];
    const { namespace, client } = temporal;
    const { operatorService } = client.connection;
    const wanted = Object.entries(SEARCH_ATTRIBUTES);
    try {
      const { customAttributes: known } = await client.connection.withDeadline(Date.now() + ANSWER_MS, () =>
        operatorService.listSearchAttributes({ namespace }),
      );
      const missing = wanted.filter(([name]) => !(name in known)).map(([name]) => name);
      const others = wanted.filter(([name, type]) => name in known && known[name] !== INDEXED_VALUE_TYPE[type]).map(([name]) => name);
      if (others.length > 0) {
        const what = `The namespace ${namespace} has search attributes of another type under our names: ${others.join(', ')}; jobs run without them.`;
        return [warning('search-attributes', what, 'Use another namespace (TEMPORAL_NAMESPACE), or have an operator remove them.')];
      }
      if (missing.length === 0) return [ok('search-attributes', 'The search attributes of image jobs are registered.')];
      const what = `The namespace ${namespace} does not know the search attributes ${missing.join(', ')}; jobs run without them.`;
      return [warning('search-attributes', what, `Register them: ${commandFor(settings, ['setup-search-attributes'])}`)];
    } catch (thrown) {
      if (!isGrpcServiceError(thrown)) throw thrown;
      // Told by the check of Temporal.
      if (isNotFound(thrown)) return [];
      return [ok('search-attributes', 'This server does not tell its search attributes; a job that is started with unknown ones runs without them.')];
    }
  },
};
