"""An MCP client that submits an image, waits for it and reads it.

    python mcp_client.py "A red kite over the sea"
"""

import asyncio
import base64
import hashlib
import json
import os
import sys
from typing import Any

from mcp import Client, StdioServerParameters

Record = dict[str, Any]


# region mcp-call
class Refused(Exception):
    """A call that did nothing: its error has a code, a message and the next step."""

    def __init__(self, error: Record) -> None:
        super().__init__(f"{error['message']} {error['next_step']}")
        self.error = error


async def call(client: Client, tool: str, arguments: Record) -> Record:
    """The record that a tool answers. A failed job is a record too; a refused call is not."""
    answer = await client.call_tool(tool, arguments)
    record = json.loads(answer.content[0].text)
    if answer.is_error:
        raise Refused(record["error"])
    return record
# endregion


# region mcp-submit
async def submit(client: Client, arguments: Record) -> str:
    """The job_id. While the local stack is prepared for the first time, nothing is started: call again."""
    while True:
        try:
            return (await call(client, "image_generate_async", arguments))["job_id"]
        except Refused as refusal:
            if refusal.error["code"] != "STARTING":
                raise
            print(refusal, file=sys.stderr)
            await asyncio.sleep(refusal.error.get("retry_after_seconds", 2))


async def wait(client: Client, job_id: str) -> Record:
    """The ended job. A wait answers in time for every client's limits, so it is repeated, never the submit."""
    while not (record := await call(client, "image_job_wait", {"job_id": job_id}))["done"]:
        print(f"{job_id}: {record['message']}", file=sys.stderr)
    return record
# endregion


# region mcp-main
async def main(prompt: str) -> None:
    # The SDK passes on PATH, HOME and little else: keys and settings go here.
    server = StdioServerParameters(command="durable-image-mcp", env=dict(os.environ))
    async with Client(server) as client:
        record = await wait(client, await submit(client, {"prompt": prompt, "size": "512x512"}))
        if record["status"] != "completed":
            sys.exit(f"{record['error']['code']}: {record['message']}")
        image = record["result"]["saved"][0]
        resource = await client.read_resource(image["uri"])
    picture = base64.b64decode(resource.contents[0].blob)
    assert hashlib.sha256(picture).hexdigest() == image["sha256"]
    print(f"{record['message']} {image['width']}x{image['height']}, {len(picture)} bytes, also in {image['path']}")
# endregion


asyncio.run(main(*sys.argv[1:]))
