import { isGrpcServiceError, type Connection } from '@temporalio/client';
import { connectTemporal } from '../client/connect.js';
import { unavailable } from '../client/temporal.js';
import { readSettings, type Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import { SEARCH_ATTRIBUTES, type SearchAttributeName } from '../contract/names.js';
import { LocalStack } from '../local/stack-client.js';
import { INDEXED_VALUE_TYPE } from '../local/temporal-server.js';
import { createLogger } from '../log.js';
import { commandFor, shellWord } from '../own-command.js';
import { readTemporalConfig, type TemporalConfig } from '../temporal-config.js';
import { VERSION } from '../version.js';
import { EXIT, print, printJson } from './output.js';

/** Registering takes a server with a database of its own a second or two. */
const ANSWER_MS = 15_000;
/** The names of the types for the temporal command. */
const TYPE_NAME = { KEYWORD: 'Keyword', KEYWORD_LIST: 'KeywordList' } as const;
const GRPC = { alreadyExists: 6, permissionDenied: 7, unimplemented: 12, unauthenticated: 16 } as const;

const REFUSALS: Readonly<Record<number, string>> = {
  [GRPC.permissionDenied]: 'does not allow this user to register search attributes',
  [GRPC.unauthenticated]: 'does not accept these credentials for registering search attributes',
  [GRPC.unimplemented]: 'does not let clients register search attributes',
};

const NAMES = Object.keys(SEARCH_ATTRIBUTES).filter((name): name is SearchAttributeName => name in SEARCH_ATTRIBUTES);

/** Registers the search attributes that are missing on the Temporal of the settings, or on the local stack when it runs. */
export async function setUpSearchAttributes(env: NodeJS.ProcessEnv, json: boolean): Promise<number> {
  const settings = readSettings(env);
  const target = settings.remote ? readTemporalConfig(settings, env) : await runningStack(settings, env);
  const { address, namespace } = target;
  const connection = await connectTemporal({ ...target.connection, address, connectTimeout: ANSWER_MS }).catch((error: unknown) => {
    throw unavailable(address, error);
  });
  try {
    const { existing, added } = await register(connection, target);
    if (json) printJson({ ok: true, address, namespace, existing, added });
    else {
      for (const name of NAMES) print(`${name.padEnd(16)}${added.includes(name) ? 'registered' : 'was there'}`);
      print(`Temporal at ${address}, namespace ${namespace}.`);
    }
    return EXIT.done;
  } finally {
    await connection.close();
  }
}

async function runningStack(settings: Settings, env: NodeJS.ProcessEnv): Promise<TemporalConfig> {
  const stack = new LocalStack({ settings, env, version: VERSION, logger: createLogger(settings.IMAGE_LOG_LEVEL, 'cli') });
  const found = await stack.connectIfRunning();
  await stack.close();
  if (found) return { address: found.address, namespace: found.namespace, connection: {} };
  throw new JobFailure({
    code: 'INVALID_STATE',
    message: 'No Temporal is named, and the local stack does not run; it registers its search attributes itself when it starts.',
    nextStep: `Set TEMPORAL_ADDRESS or TEMPORAL_PROFILE, or start the local stack: ${commandFor(settings, ['up'])}`,
  });
}

async function register(
  connection: Connection,
  target: TemporalConfig,
): Promise<{ existing: SearchAttributeName[]; added: SearchAttributeName[] }> {
  const { namespace } = target;
  const { operatorService } = connection;
  let missing: readonly SearchAttributeName[] = NAMES;
  const within = async <T>(work: () => Promise<T>): Promise<T> => await connection.withDeadline(Date.now() + ANSWER_MS, work);
  try {
    const { customAttributes } = await within(() => operatorService.listSearchAttributes({ namespace }));
    refuseOtherTypes(customAttributes, target);
    missing = NAMES.filter((name) => !(name in customAttributes));
    if (missing.length > 0) {
      const searchAttributes = Object.fromEntries(missing.map((name) => [name, INDEXED_VALUE_TYPE[SEARCH_ATTRIBUTES[name]]]));
      await within(() => operatorService.addSearchAttributes({ namespace, searchAttributes })).catch((error: unknown) => {
        // Somebody else has just done it.
        if (!isGrpcServiceError(error) || error.code !== GRPC.alreadyExists) throw error;
      });
    }
  } catch (error) {
    throw refusal(error, missing, target);
  }
  return { existing: NAMES.filter((name) => !missing.includes(name)), added: [...missing] };
}

/** The type of an attribute cannot be changed, so another one under its name is somebody's. */
function refuseOtherTypes(known: Readonly<Record<string, number>>, { address, namespace }: TemporalConfig): void {
  const others = NAMES.filter((name) => name in known && known[name] !== INDEXED_VALUE_TYPE[SEARCH_ATTRIBUTES[name]]);
  if (others.length === 0) return;
  const wanted = others.map((name) => `${name} (must be ${TYPE_NAME[SEARCH_ATTRIBUTES[name]]})`).join(', ');
  throw new JobFailure({
    code: 'INVALID_STATE',
    message: `Temporal at ${address} has search attributes of the same name and another type in the namespace ${namespace}: ${wanted}.`,
    nextStep: 'Use another namespace (TEMPORAL_NAMESPACE), or have an operator remove them; jobs run without them, too.',
  });
}

function refusal(error: unknown, missing: readonly SearchAttributeName[], target: TemporalConfig): unknown {
  if (!isGrpcServiceError(error)) return error;
  const { address, namespace } = target;
  const why = REFUSALS[error.code];
  if (why === undefined) return unavailable(address, error);
  return new JobFailure({
    code: 'PERMISSION_DENIED',
    message: `Temporal at ${address} ${why} in the namespace ${namespace}; jobs run without them, but cannot be found by them.`,
    nextStep: `Hand this command to an operator: ${operatorCommand(missing, target)}`,
    cause: error,
  });
}

/** What registers them with the temporal command. */
export function operatorCommand(names: readonly SearchAttributeName[], { address, namespace, connection }: TemporalConfig): string {
  const attributes = names.flatMap((name) => ['--name', name, '--type', TYPE_NAME[SEARCH_ATTRIBUTES[name]]]);
  const where = ['--address', address, '--namespace', namespace, ...(connection.tls ? ['--tls'] : [])];
  return ['temporal', 'operator', 'search-attribute', 'create', ...where, ...attributes].map(shellWord).join(' ');
}
