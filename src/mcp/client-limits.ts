/** How long a tool call may take depends on the MCP client; a call that takes longer is cut off with its answer lost. */

/** Below the 60 s after which the SDK's own client, and with it many hosts, give up a call. */
export const WAIT_SECONDS = 50;

/** Below the two minutes after which Claude Code puts a call into the background. */
export const PATIENT_WAIT_SECONDS = 110;

/** Names by which these clients introduce themselves; some append the name of the server. */
const PATIENT = /^(claude[- ]code|codex|gemini-cli|qwen-(cli|code)|visual studio code)\b/i;

/** Default and ceiling of a wait for a client by its `clientInfo.name`. */
export function waitCeilingSeconds(clientName: string | undefined): number {
  return PATIENT.test(clientName ?? '') ? PATIENT_WAIT_SECONDS : WAIT_SECONDS;
}
