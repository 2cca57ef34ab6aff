import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import { ElicitResultSchema, type ServerNotification, type ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import type { Confirmation, Question } from './tool.js';

/** People read and think; the call itself may not last as long. */
const ANSWER_SECONDS = 5 * 60;

/**
 * Asks through the client's form, with one box. Only a form that was accepted with the box ticked is a yes: declined,
 * closed, unanswered in time, malformed or failed are a no. Never rejects.
 */
export async function confirmBy(
  server: Server,
  sendRequest: RequestHandlerExtra<ServerRequest, ServerNotification>['sendRequest'],
  { message, label }: Question,
  leftSeconds: number,
  signal: AbortSignal,
): Promise<Confirmation> {
  if (server.getClientCapabilities()?.elicitation?.form === undefined) return 'impossible';
  const agree = { type: 'boolean' as const, title: label, default: false };
  const requestedSchema = { type: 'object' as const, properties: { agree }, required: ['agree'] };
  const timeout = Math.max(1, Math.min(leftSeconds, ANSWER_SECONDS) * 1000);
  try {
    const question = { method: 'elicitation/create' as const, params: { message, requestedSchema } };
    const { action, content } = await sendRequest(question, ElicitResultSchema, { timeout, signal });
    return action === 'accept' && content?.['agree'] === true ? 'yes' : 'no';
  } catch {
    return 'no';
  }
}
