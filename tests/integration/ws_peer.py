"""WebSocket peers by the `websockets` library, in a process of their own.

Run by Debian's Python, whose packages the tests' Python may not see:

    ws_peer.py serve            prints its port; sends back each message
    ws_peer.py ask URL [CA]     a conversation; prints what came of it
"""

import asyncio
import ssl
import sys

import websockets

BIG = bytes(range(256)) * 8192  # 2 MiB


async def echo(socket, *_):
    """Sends back each message; `?` is answered with the path and the subprotocol."""
    async for message in socket:
        await socket.send(f"{socket.path} {socket.subprotocol}" if message == "?" else message)


async def serve():
    """Until the process is ended."""
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["chat"],
                                max_size=None) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def ask(url, authority=None):
    """Text, binary, a ping, and the closing handshake."""
    tls = ssl.create_default_context(cafile=authority) if authority else None
    options = {"ssl": tls, "server_hostname": "shop.test"} if tls else {}
    async with websockets.connect(url, subprotocols=["chat"], max_size=None, **options) as socket:
        await socket.send("?")
        print("asked", await socket.recv(), flush=True)
        await socket.send(BIG)
        print("big", await socket.recv() == BIG, flush=True)
        await (await socket.ping())
        print("pong", flush=True)
        await socket.close(4001, "bye")
        print("closed", socket.close_code, flush=True)


if __name__ == "__main__":
    asyncio.run(serve() if sys.argv[1] == "serve" else ask(*sys.argv[2:]))
