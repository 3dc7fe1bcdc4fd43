"""A WsCluster client in Python, written from docs/protocol.md alone.

    python client.py URL[,URL...] TOPIC COUNT

Subscribes, publishes COUNT numbered messages, and prints one JSON line per thing that happened:
{"ready"}, {"message"}, {"gap"}, {"acked"}, {"reconnect"}. Walks through the URLs when a connection
ends, resumes from its position, and stops when it has seen COUNT messages of its own and one
{"end": true} from anybody.
"""

import asyncio
import json
import random
import sys

import websockets
from websockets.asyncio.client import connect


def say(**what):
    print(json.dumps(what), flush=True)


class Position:
    """epoch:seq@confirmed, compared by the rules of a receiver."""

    def __init__(self, text):
        self.text = text
        self.epoch, rest = text.split(":")
        self.seq = int(rest.split("@")[0])


class Client:
    def __init__(self, urls, topic, count):
        self.urls = urls
        self.topic = topic
        self.position = None
        self.seen_ids = []
        self.producer = f"py-{random.getrandbits(48):x}"
        self.unacked = {seq: {"n": seq} for seq in range(1, count + 1)}
        self.mine = set()
        self.count = count
        self.ended = False

    @property
    def done(self):
        return self.ended and len(self.mine) == self.count and not self.unacked

    async def run(self):
        attempt = 0
        while not self.done:
            url = self.urls[attempt % len(self.urls)]
            try:
                async with connect(url, subprotocols=["wscluster.v1"], open_timeout=5) as socket:
                    await self.session(socket)
            except (OSError, websockets.WebSocketException, asyncio.TimeoutError) as error:
                say(reconnect=type(error).__name__)
                attempt += 1
                # Full jitter; a tenth of the documented base keeps the test short.
                await asyncio.sleep(random.uniform(0, min(3.0, 0.1 * 2 ** attempt)))

    async def session(self, socket):
        await socket.send(json.dumps({"type": "hello", "id": 1, "client": "python-test/1"}))
        welcome = await self.expect(socket, "welcome")
        silence = welcome["heartbeat"] / 1000 * 2 + 1
        wanted = {"topic": self.topic}
        if self.position is not None:
            wanted["position"] = self.position.text
        await socket.send(json.dumps({"type": "sub", "id": 2, "topics": [wanted]}))
        while not self.done:
            frame = json.loads(await asyncio.wait_for(socket.recv(), silence))
            await self.receive(socket, frame)

    async def expect(self, socket, kind):
        frame = json.loads(await asyncio.wait_for(socket.recv(), 5))
        if frame["type"] != kind:
            raise RuntimeError(f"expected {kind}, got {frame}")
        return frame

    async def receive(self, socket, frame):
        kind = frame["type"]
        if kind == "subbed":
            self.position = Position(frame["topics"][0]["position"])
            say(ready=True)
            # Everything unanswered again, in order, under the same numbers.
            for seq, data in sorted(self.unacked.items()):
                await self.publish(socket, seq, data)
        elif kind == "msg":
            self.message(frame)
        elif kind == "gap":
            self.position = Position(frame["position"])
            say(gap=frame["reason"])
        elif kind == "acked":
            self.unacked.pop(frame["id"] - 1000, None)
            say(acked=frame["id"] - 1000, duplicate=frame.get("duplicate", False))
        elif kind == "tick":
            for one in frame["positions"]:
                if one["topic"] == self.topic:
                    self.position = Position(one["position"])
        elif kind == "err":
            raise RuntimeError(f"refused: {frame}")
        # Frames of another type are ignored.

    async def publish(self, socket, seq, data):
        producer = {"id": self.producer, "seq": seq}
        frame = {"type": "pub", "id": 1000 + seq, "topic": self.topic, "data": data}
        await socket.send(json.dumps({**frame, "producer": producer}))

    def message(self, frame):
        position = Position(frame["position"])
        if position.epoch == self.position.epoch and position.seq <= self.position.seq:
            return
        if position.seq != self.position.seq + 1:
            raise RuntimeError(f"a hole without a gap: {self.position.text} → {position.text}")
        self.position = position
        identifier = frame.get("id")
        if identifier is not None and identifier in self.seen_ids:
            return
        self.seen_ids = [*self.seen_ids, identifier][-1024:]
        data = frame["data"]
        say(message=data, seq=position.seq)
        if identifier is not None and identifier.startswith(f"{self.producer}:"):
            self.mine.add(data["n"])
        self.ended = self.ended or data.get("end", False)


async def main():
    urls, topic, count = sys.argv[1].split(","), sys.argv[2], int(sys.argv[3])
    await asyncio.wait_for(Client(urls, topic, count).run(), 60)


asyncio.run(main())
