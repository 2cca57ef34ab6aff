import { InterceptingCall, Metadata, status, type Interceptor } from '@grpc/grpc-js';
import { Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor, type ConnectionOptions } from '@temporalio/client';

type NextCall = ConstructorParameters<typeof InterceptingCall>[0];

/**
 * The SDK tries a failed call again from a timer. When the connection was closed by then, gRPC throws there, where nobody can catch
 * it, and the process would end: such a call ends as cancelled instead.
 */
const endsWithItsConnection: Interceptor = (options, nextCall) => {
  try {
    return new InterceptingCall(nextCall(options));
  } catch (error) {
    const details = error instanceof Error ? error.message : 'the connection was closed';
    return new InterceptingCall(ended({ code: status.CANCELLED, details, metadata: new Metadata() }));
  }
};

function ended(how: { code: status; details: string; metadata: Metadata }): NextCall {
  const nothing = (): void => undefined;
  return {
    start: (_metadata, listener) => listener?.onReceiveStatus?.(how),
    cancelWithStatus: nothing,
    getPeer: () => 'closed',
    sendMessageWithContext: nothing,
    sendMessage: nothing,
    startRead: nothing,
    halfClose: nothing,
    getAuthContext: () => null,
  };
}

/** Connects to Temporal as the SDK does. */
export function connectTemporal(options: ConnectionOptions): Promise<Connection> {
  return Connection.connect({ ...options, interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), endsWithItsConnection] });
}
