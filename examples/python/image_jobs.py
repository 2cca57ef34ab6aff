"""Image jobs over Temporal: starts them, follows one, cancels one, handles a failure.

    durable-image-mcp up
    python image_jobs.py
"""

import asyncio
import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError, CancelledError

Record = dict[str, Any]

PICTURES = Path(__file__).resolve().parent.parent / "references"
KIND = SearchAttributeKey.for_keyword("ImageKind")
PROVIDER = SearchAttributeKey.for_keyword("ImageProvider")
TAGS = SearchAttributeKey.for_keyword_list("ImageTags")


# region connect
async def connect() -> Client:
    """The Temporal of TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY …, else the local stack."""
    config = ClientConfig.load_client_connect_config(disable_file=True)
    if "target_host" not in config:
        status = subprocess.run(["durable-image-mcp", "status", "--json"], check=True, stdout=subprocess.PIPE)
        config["target_host"] = json.loads(status.stdout).get("address") or sys.exit("Start the stack: durable-image-mcp up")
    return await Client.connect(**config)
# endregion


# region start
async def start(client: Client, kind: str, **arguments: Any) -> WorkflowHandle[Any, Record]:
    """The workflow ID is the job_id. Lists and the Web UI find a job by its search attributes, which are optional."""
    provider = "local"  # Free previews; leave it out for the default of the worker.
    return await client.start_workflow(
        "imageJob",
        {"kind": kind, "provider": provider, "tags": ["python"], **arguments},
        id=f"python-{uuid.uuid4()}",
        task_queue="image-jobs",
        result_type=dict,
        static_summary=arguments["prompt"],
        search_attributes=TypedSearchAttributes(
            [SearchAttributePair(KIND, kind), SearchAttributePair(PROVIDER, provider), SearchAttributePair(TAGS, ["python"])]
        ),
    )
# endregion


# region follow
async def follow(job: WorkflowHandle[Any, Record]) -> Record:
    """The record when the job has completed. The query `job` gives it at any time before, too."""
    while not (record := await job.query("job", result_type=dict))["done"]:
        print(f"{job.id}: {record['stage']}")
        await asyncio.sleep(0.5)
    return await job.result()
# endregion


async def main() -> None:
    client = await connect()

    # References: a path on the worker's machine, an https URL, or image:// of an earlier job.
    pictures = [str(PICTURES / "chelsea.png"), str(PICTURES / "coffee.png")]
    portrait = await start(client, "image_multi_reference", prompt="The cat beside the coffee", image_paths=pictures)
    record = await follow(portrait)
    print(record["message"])
    for image in record["result"]["saved"]:
        print(f"{image['path']}: {len(Path(image['path']).read_bytes())} bytes, SHA-256 {image['sha256']}")

    edit = await start(client, "image_edit", prompt="Make it black and white", image_path=f"image://jobs/{portrait.id}/outputs/0")
    print((await follow(edit))["result"]["saved"][0]["path"])

    # region cancel
    posters = await start(client, "image_generate", prompt="A poster of the sea", n=10, size="2048x2048")
    await posters.cancel()
    try:
        await posters.result()
    except WorkflowFailureError as failure:
        if not isinstance(failure.cause, CancelledError):
            raise
    record = await posters.query("job", result_type=dict)
    print(f"{posters.id}: {record['status']}, billing: {record['billing']}")
    # endregion

    # region failure
    wrong = await start(client, "image_generate", prompt="A stamp", size="1x1")
    try:
        await wrong.result()
    except WorkflowFailureError as failure:
        if not isinstance(failure.cause, ApplicationError):
            raise
        record = failure.cause.details[0]
        print(f"{wrong.id}: {failure.cause.type}: {record['message']}\n{record['next_step']}")
    # endregion


asyncio.run(main())
