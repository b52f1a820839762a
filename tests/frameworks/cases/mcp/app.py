from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("tests")


@server.tool()
def add(a: int, b: int) -> int:
    """The sum of two numbers."""
    return a + b


@server.tool()
async def count(up_to: int, context: Context) -> str:
    """Count, telling the client on the way."""
    for number in range(up_to):
        await context.report_progress(number + 1, up_to, f"at {number + 1}")
    return "counted"


@server.resource("greeting://{name}")
def greeting(name: str) -> str:
    """A greeting."""
    return f"Hello, {name}!"


@server.prompt()
def ask(topic: str) -> str:
    """A question."""
    return f"What is {topic}?"


app = server.streamable_http_app()
