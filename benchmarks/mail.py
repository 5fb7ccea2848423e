"""A stand-in for a mail server that takes its time: `python -m benchmarks.mail MILLISECONDS`, printing its address.

It takes every message for every recipient and keeps only their number; each is answered after the set time.
"""

import asyncio
import sys

_SECONDS = float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0
_END = b"\r\n.\r\n"


class Conversation(asyncio.Protocol):
    """One connection, command by command, as RFC 5321 has it."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._is_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._say("220 ready")

    def data_received(self, data: bytes) -> None:
        """Answer the commands and messages that are complete."""
        # The end of a message may have begun in what came before.
        start = max(0, len(self._received) - len(_END))
        self._received += data
        while (end := self._received.find(_END if self._is_message else b"\r\n", start)) >= 0:
            length = end + (len(_END) if self._is_message else 2)
            taken = bytes(self._received[: min(length, 80)])
            del self._received[:length]
            start = 0
            self._answer(taken)

    def _answer(self, taken: bytes) -> None:
        if self._is_message:
            self._is_message = False
            asyncio.get_running_loop().call_later(_SECONDS, self._say, "250 taken")
            return
        command = taken[:4].upper()
        self._is_message = command == b"DATA"
        self._say({b"DATA": "354 go ahead", b"QUIT": "221 bye"}.get(command, "250 fine"))
        if command == b"QUIT":
            self._transport.close()

    def _say(self, text: str) -> None:
        self._transport.write(f"{text}\r\n".encode())


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Conversation, "127.0.0.1", 0)
    print(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
