/** What a model is told once, at connect; hosts cut it at 2 KB. */
export const INSTRUCTIONS = `Makes and edits pictures as durable jobs. A job goes on when a call times out, a client closes or a machine restarts.

How to work:
1. Start: image_generate_async (text), image_edit_async (one picture), image_batch_edit_async (same edit, 1-10 pictures), image_multi_reference_async (several pictures into one). The job_id comes at once; start several before you wait. The same names without _async also wait.
2. Wait: image_job_wait with job_id or job_ids. If it answers that a job still runs, call it again with the same job_id; with timed_out: false first tell the user, who must act. Do not poll in a tight loop.
3. Done: result.saved[].path is an ordinary file; uri names it in later calls as image_path or image_paths. image_job_get_image shows it.

Cost: each start may be billed. Never start a picture again because it is slow, a call timed out or you lost the answer: image_job_list finds the job_id. Give an idempotency_key when you may have to repeat a start: same key, same job, paid once. Pictures of a failed job: image_job_retry buys only what failed. MAYBE_BILLED: ask the user before anything is bought again. image_job_cancel and image_job_delete only when the user wants that.

Refusals: nothing was started. error.code, error.problems and error.next_step say what to correct. STARTING: the service is being prepared; repeat the same call after retry_after_seconds. done:false is no failure.

References: local paths (best), https:// URLs, image:// URIs of earlier jobs, small data: URLs. API keys are never arguments: they belong into the env settings of the MCP client. Pictures land in save_dir, by default in a folder that server_info names, which also tells which providers are ready. A message that begins with PREVIEW means that no image model is configured: tell the user.`;
