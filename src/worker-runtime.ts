import { DefaultLogger, makeTelemetryFilterString, Runtime, type LogEntry } from '@temporalio/worker';
import type { Logger } from './log.js';

/**
 * Sends the logs of Temporal's native code to ours: unless forwarded they go to stdout, which is not theirs to write to.
 * Its figures, and ours, are told in the format of Prometheus at the port, on loopback, if one is given. Once a process, before its
 * first worker.
 */
export function installRuntime(logger: Logger, metricsPort?: number): void {
  Runtime.install({
    logger: new DefaultLogger('INFO', (entry) => forward(logger, entry)),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN' }), forward: {} },
      ...(metricsPort === undefined
        ? {}
        : { metrics: { prometheus: { bindAddress: `127.0.0.1:${metricsPort}`, countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true } } }),
    },
    // The process decides itself when it ends.
    shutdownSignals: [],
  });
}

/** Each of our workers serves one kind of task on purpose. */
const EXPECTED = /^No (workflows|activities|Nexus services) registered/;

function forward(logger: Logger, { level, message, meta }: LogEntry): void {
  const known: Record<string, unknown> = { ...meta };
  const { workflowId, activityType, error } = known;
  const fields = {
    ...(typeof workflowId === 'string' ? { job_id: workflowId } : {}),
    ...(typeof activityType === 'string' ? { activity: activityType } : {}),
    ...(error instanceof Error ? { err: error.message } : {}),
  };
  if (EXPECTED.test(message) || !(level === 'WARN' || level === 'ERROR')) logger.debug(fields, message);
  else if (level === 'ERROR') logger.error(fields, message);
  else logger.warn(fields, message);
}
