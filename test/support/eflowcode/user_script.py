"""What people wrote for EFLOWCODE Image MCP: its calls, its poll loop, its fields.

    python user_script.py mcp.json PICTURE PICTURE

Takes the server from a client's configuration and prints everything it was answered, as JSON. Nothing in here knows
durable-image-mcp: a field that is missing is a KeyError.
"""

import asyncio
import json
import sys
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def call(session: ClientSession, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await session.call_tool(tool, arguments)
    return json.loads(answer.content[0].text)


async def follow(session: ClientSession, started: dict[str, Any]) -> dict[str, Any]:
    assert started["ok"] and started["message"] and started["kind"], started
    job_id = started["job_id"]
    status = started["status"]
    while status == "running":
        await asyncio.sleep(0.2)
        job = await call(session, "image_job_status", job_id=job_id)
        status = job["status"]
        print(f"{job['kind']} {job['job_id']}: {status} after {job['age_seconds']} s, at {job['updated_at']}", file=sys.stderr)
    return job


def read(saved: Any) -> list[dict[str, Any]]:
    """EFLOWCODE itself has a list for image_generate and one object for the tools that take a picture."""
    pictures = []
    for picture in saved if isinstance(saved, list) else [saved]:
        with open(picture["path"], "rb") as file:
            assert len(file.read()) == picture["size_bytes"]
        width, height = picture["actual_size"]
        pictures.append({"path": picture["path"], "width": width, "height": height, "megapixels": picture["actual_megapixels"]})
    return pictures


async def main(configuration: str, first: str, second: str) -> None:
    with open(configuration) as file:
        server = json.load(file)["mcpServers"]["eflowcode-image"]
    seen: dict[str, Any] = {}
    async with stdio_client(StdioServerParameters(**server)) as streams, ClientSession(*streams) as session:
        await session.initialize()
        seen["tools"] = [tool.name for tool in (await session.list_tools()).tools]
        seen["server_info"] = await call(session, "server_info")

        job = await follow(session, await call(session, "image_generate_async", prompt="a red kite", size="1024x1024", n=1))
        assert job["ok"] is True
        seen["generate"] = read(job["result"]["saved"])

        # Every argument, as models send them.
        job = await follow(
            session,
            await call(
                session, "image_generate_async",
                prompt="a poster", size=None, n=2, model=None, save_dir=None, basename="poster", api_key="",
            ),
        )
        seen["generate_two"] = read(job["result"]["saved"])

        job = await follow(session, await call(session, "image_edit_async", prompt="make it blue", image_path=first, mask_path=None))
        seen["edit"] = read(job["result"]["saved"])

        job = await follow(
            session,
            await call(session, "image_multi_reference_async", prompt="both on one table", image_paths=[first, second], size="1536x1024", model="gpt-5.5-mini"),
        )
        seen["multi_reference"] = read(job["result"]["saved"])
        seen["n_references"] = job["result"]["n_references"]

        job = await follow(session, await call(session, "image_generate_async", prompt="what nobody may draw"))
        assert job["ok"] is False
        seen["failed"] = {"status": job["status"], "error": job["error"]}

        # The tools that wait: everything at the top level.
        result = await call(session, "image_generate", prompt="a sketch", n=2, basename="sketch")
        assert result["ok"] is True
        seen["waited_generate"] = read(result["saved"])

        result = await call(session, "image_edit", prompt="make it green", image_path=first, size="1024x1024")
        assert result["ok"] is True
        seen["waited_edit"] = read(result["saved"])

        result = await call(session, "image_multi_reference", prompt="both in one frame", image_paths=[first, second])
        assert result["ok"] is True and result["n_references"] == 2
        seen["waited_multi_reference"] = read(result["saved"])

        result = await call(session, "image_batch_edit", prompt="make it darker", image_paths=[first, second])
        assert result["ok"] is True
        seen["waited_batch"] = [read(item["saved"]) for item in result["results"] if item["ok"]]

        seen["with_key"] = await call(session, "image_generate_async", prompt="a red kite", api_key="sk-canary-argument")
        seen["unknown_job"] = await call(session, "image_job_status", job_id="0123456789abcdef0123456789abcdef")

    json.dump(seen, sys.stdout)


asyncio.run(main(*sys.argv[1:]))
