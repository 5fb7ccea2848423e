"""A stand-in for S3 that takes its time: `python -m benchmarks.storage MILLISECONDS`, printing its address.

It keeps objects in memory and knows nothing but putting, getting and asking for them.
"""

import asyncio
import hashlib
import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_SECONDS = float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0
_OBJECTS: dict[str, bytes] = {}


async def serve_object(request: Request) -> Response:
    """Answer PUT, GET and HEAD of an object, each after the set time."""
    path, body = request.url.path, await request.body()
    await asyncio.sleep(_SECONDS)
    if request.method == "PUT":
        _OBJECTS[path] = _unwrap(request, body)
    kept = _OBJECTS.get(path)
    if kept is None:
        return Response("<Error><Code>NoSuchKey</Code></Error>", 404, media_type="application/xml")
    headers = {"ETag": f'"{hashlib.md5(kept, usedforsecurity=False).hexdigest()}"', "Accept-Ranges": "bytes"}
    return Response(b"" if request.method == "PUT" else kept, 200, headers)


def _unwrap(request: Request, body: bytes) -> bytes:
    """Take the content out of the chunks in which the library may sign it."""
    if "x-amz-decoded-content-length" not in request.headers:
        return body
    content = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if length == 0:
            break
        content, body = content + rest[:length], rest[length + 2 :]
    return content


async def count_objects(request: Request) -> Response:
    """Say how many objects there are."""
    return JSONResponse(len(_OBJECTS))


def main() -> None:
    """Serve until terminated."""
    routes = [Route("/", count_objects), Route("/{path:path}", serve_object, methods=["PUT", "GET"])]
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(Starlette(routes=routes), log_config=None, access_log=False, lifespan="off")
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
