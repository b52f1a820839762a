import asyncio
import re

from mcp import Client, ClientSession
from mcp.client.streamable_http import streamable_http_client

TRIED = (
    "by its own client over streamable HTTP: initialize, list of tools, calls with progress, "
    "resource, prompt, end of the session"
)


def visit(visitor):
    visitor.get("/mcp", status=406, hide=no_session)
    asyncio.run(talk(visitor, f"{visitor.url}/mcp"))


async def talk(visitor, url):
    async with streamable_http_client(url) as streams, ClientSession(*streams[:2]) as session:
        started = await session.initialize()
        visitor.note("initialize", started.model_dump(mode="json"))
        await use(visitor, session)
    async with Client(url) as client:
        visitor.note("version", client.protocol_version)
        await use(visitor, client)


async def use(visitor, session):
    progress = []

    async def at(done, total, message):
        progress.append((done, total, message))

    tools = await session.list_tools()
    visitor.note("tools", [tool.model_dump(mode="json") for tool in tools.tools])
    total = await session.call_tool("add", {"a": 2, "b": 3})
    visitor.note("add", total.model_dump(mode="json"))
    assert total.content[0].text == "5"
    counted = await session.call_tool("count", {"up_to": 20}, progress_callback=at)
    visitor.note("count", [counted.content[0].text, progress])
    assert len(progress) == 20
    wrong = await session.call_tool("add", {"a": "two"})
    visitor.note("an error", [wrong.is_error, wrong.content[0].text])
    resource = await session.read_resource("greeting://you")
    visitor.note("resource", resource.contents[0].text)
    prompt = await session.get_prompt("ask", {"topic": "this"})
    visitor.note("prompt", prompt.messages[0].content.text)


def no_session(text):
    return re.sub("[0-9a-f]{32}", "…", text)
