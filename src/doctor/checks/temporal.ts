import { isGrpcServiceError } from '@temporalio/client';
import { shellWord } from '../../own-command.js';
import type { AnsweringTemporal, Check } from '../context.js';
import { error, ok, warning, type Finding } from '../finding.js';

const ANSWER_MS = 5_000;
const GRPC = { notFound: 5, permissionDenied: 7 } as const;
const DAY_SECONDS = 24 * 3600;

/** Address, namespace, version and how long the server remembers. */
export const temporal: Check = {
  id: 'temporal',
  area: 'Temporal',
  async look({ temporal: seen }) {
    if (seen.state === 'down') return [];
    if (seen.state === 'away') return [seen.finding];
    return await lookAtNamespace(seen);
  },
};

async function lookAtNamespace(seen: AnsweringTemporal): Promise<Finding[]> {
  const { client, address, namespace } = seen;
  const { workflowService, connection } = client;
  try {
    const [system, described] = await connection.withDeadline(Date.now() + ANSWER_MS, () =>
      Promise.all([workflowService.getSystemInfo({}), workflowService.describeNamespace({ namespace })]),
    );
    const seconds = Number(described.config?.workflowExecutionRetentionTtl?.seconds ?? 0);
    const what = `Temporal ${system.serverVersion || 'of an unknown version'} answers at ${address}${protection(seen)}, namespace ${namespace}`;
    if (seconds === 0 || seconds >= DAY_SECONDS) {
      return [ok('temporal', `${what}${seconds === 0 ? '' : `, which keeps closed jobs for ${Math.floor(seconds / DAY_SECONDS)} days`}.`)];
    }
    const remedy = `Keep them longer: ${namespaceCommand('update', seen, '--retention', '72h')}`;
    return [warning('temporal', `${what}, which forgets closed jobs after ${Math.round(seconds / 360) / 10} hours.`, remedy)];
  } catch (thrown) {
    if (!isGrpcServiceError(thrown)) throw thrown;
    if (thrown.code === GRPC.notFound) {
      const remedy = `Correct TEMPORAL_NAMESPACE, or make it: ${namespaceCommand('create', seen)}`;
      return [error('temporal', `Temporal at ${address} has no namespace ${namespace}.`, remedy)];
    }
    if (thrown.code === GRPC.permissionDenied) {
      const remedy = 'Use credentials that are meant for this namespace, or correct TEMPORAL_NAMESPACE.';
      return [error('temporal', `Temporal at ${address} does not let this process into the namespace ${namespace}.`, remedy)];
    }
    return [error('temporal', `Temporal at ${address} answers with an error: ${thrown.details || thrown.message}.`, 'Look into the log of that server.')];
  }
}

function protection({ connection }: AnsweringTemporal): string {
  const tls = connection?.tls !== undefined && connection.tls !== null && connection.tls !== false;
  if (connection?.apiKey !== undefined) return ' (TLS, API key)';
  return tls ? ' (TLS)' : '';
}

function namespaceCommand(verb: string, { address, namespace, connection }: AnsweringTemporal, ...options: string[]): string {
  const where = ['--namespace', namespace, '--address', address, ...(connection?.tls ? ['--tls'] : [])];
  return ['temporal', 'operator', 'namespace', verb, ...where, ...options].map(shellWord).join(' ');
}
