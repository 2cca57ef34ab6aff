#!/bin/sh
# Image jobs with the `temporal` program alone: starts them, follows one, cancels one, handles a failure.
#
#   durable-image-mcp up
#   sh image-jobs.sh
set -eu

# region connect
# field PATH: of the JSON on stdin. Node is here anyway; jq would do as well.
field() {
  node -p "JSON.parse(require('node:fs').readFileSync(0, 'utf8')).$1 ?? ''"
}

# The program itself and the address of the local stack; TEMPORAL_ADDRESS may name another Temporal.
status=$(durable-image-mcp status --json)
temporal=$(printf '%s' "$status" | field temporal_binary)
export TEMPORAL_ADDRESS="${TEMPORAL_ADDRESS:-$(printf '%s' "$status" | field address)}"
# endregion
if [ -z "$TEMPORAL_ADDRESS" ]; then
  echo 'Start the stack: durable-image-mcp up' >&2
  exit 1
fi

# region start
# start JOB_ID KIND INPUT: the workflow ID is the job_id. Search attributes are optional; lists find the job by them.
start() {
  "$temporal" workflow start --type imageJob --task-queue image-jobs --workflow-id "$1" --input "$3" \
    --search-attribute "ImageKind=\"$2\"" --search-attribute 'ImageProvider="local"' --search-attribute 'ImageTags=["shell"]' >/dev/null
}
# endregion

# region query
# record JOB_ID FIELD: of the record, while the job runs and when it has ended.
record() {
  "$temporal" workflow query --workflow-id "$1" --type job --output json | field "queryResult[0].$2"
}
# endregion

references=$(cd "$(dirname "$0")/../references" && pwd)
run=$(date +%s)-$$

# region follow
# References: a path on the worker's machine, an https URL, or image:// of an earlier job.
start "portrait-$run" image_multi_reference "{
  \"kind\": \"image_multi_reference\", \"prompt\": \"The cat beside the coffee\", \"provider\": \"local\",
  \"image_paths\": [\"$references/chelsea.png\", \"$references/coffee.png\"]
}"
while stage=$(record "portrait-$run" stage) && [ -n "$stage" ]; do
  echo "portrait-$run: $stage"
  sleep 1
done
result=$("$temporal" workflow result --workflow-id "portrait-$run" --output json)
picture=$(printf '%s' "$result" | field 'result.result.saved[0].path')
echo "$(printf '%s' "$result" | field result.message) $(wc -c <"$picture") bytes in $picture"
# endregion

start "edit-$run" image_edit "{
  \"kind\": \"image_edit\", \"prompt\": \"Make it black and white\", \"provider\": \"local\",
  \"image_path\": \"image://jobs/portrait-$run/outputs/0\"
}"
"$temporal" workflow result --workflow-id "edit-$run" --output json | field 'result.result.saved[0].path'

# region cancel
start "posters-$run" image_generate '{"kind": "image_generate", "prompt": "A poster of the sea", "provider": "local", "n": 10, "size": "2048x2048"}'
"$temporal" workflow cancel --workflow-id "posters-$run" >/dev/null
"$temporal" workflow result --workflow-id "posters-$run" >/dev/null || true
echo "posters-$run: $(record "posters-$run" status), billing: $(record "posters-$run" billing)"
# endregion

# region failure
start "stamp-$run" image_generate '{"kind": "image_generate", "prompt": "A stamp", "provider": "local", "size": "1x1"}'
if ! result=$("$temporal" workflow result --workflow-id "stamp-$run" --output json); then
  failure=closeEvent.workflowExecutionFailedEventAttributes.failure
  echo "stamp-$run: $(printf '%s' "$result" | field $failure.applicationFailureInfo.type): $(printf '%s' "$result" | field $failure.message)"
  printf '%s' "$result" | field "$failure.applicationFailureInfo.details[0].next_step"
fi
# endregion
