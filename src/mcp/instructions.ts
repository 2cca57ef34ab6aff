/** What a model is told once, at connect; hosts cut it at 2 KB. */
export const INSTRUCTIONS = `Makes and edits pictures as durable jobs. A job goes on when a call times out, a client closes or a machine restarts.

How to work:
1. Start: image_generate_async (text to picture), image_edit_async (one picture), image_batch_edit_async (the same edit for each of 1-10 pictures), image_multi_reference_async (several pictures into one). The answer has a job_id at once.
2. Wait: image_job_wait with that job_id (or several as job_ids). If it answers that the job still runs, call it again with the same job_id. Do not poll in a tight loop: poll_after_seconds says when to look again.
3. Done: result.saved[].path is an ordinary file; uri names it for later calls as image_path or image_paths.

Cost: each start may be billed by the provider. Never start the same picture again because a job is slow, a call timed out or you lost the answer: ask image_job_status, and give an idempotency_key when you may have to repeat a start; the same key is the same job and is paid once. If a job failed with MAYBE_BILLED, ask the user before buying it again.

Refusals: nothing was started. error.code, error.problems and error.next_step say what to correct. STARTING means that the service is still being prepared: repeat the same call after retry_after_seconds. done:false is not a failure.

References are local paths, https:// URLs, image:// URIs of earlier jobs, or small data: URLs; prefer paths. API keys are never arguments: they belong into the env settings of the MCP client. Pictures land in save_dir, by default in a folder that server_info names, which also tells which providers are ready. A message that begins with PREVIEW means that no image model is configured: tell the user.`;
