"""An MCP client of PyPI that does what it is told: one JSON request a line on stdin, one JSON answer a line on stdout.

    python call_tools.py COMMAND ARGUMENT...
"""

import asyncio
import json
import os
import sys
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def answer(session: ClientSession, request: dict[str, Any]) -> Any:
    match request["method"]:
        case "tools/list":
            return (await session.list_tools()).model_dump(mode="json", by_alias=True, exclude_none=True)
        case "tools/call":
            answered = await session.call_tool(request["name"], request["arguments"])
            return answered.model_dump(mode="json", by_alias=True, exclude_none=True)
        case "resources/read":
            return (await session.read_resource(request["uri"])).model_dump(mode="json", by_alias=True, exclude_none=True)
        case other:
            raise ValueError(other)


async def main(command: str, *arguments: str) -> None:
    server = StdioServerParameters(command=command, args=list(arguments), env=dict(os.environ))
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                told = {"result": await answer(session, json.loads(line))}
            except Exception as error:  # whatever it is, the test is to see it
                told = {"thrown": f"{type(error).__name__}: {error}"}
            print(json.dumps(told), flush=True)


asyncio.run(main(*sys.argv[1:]))
