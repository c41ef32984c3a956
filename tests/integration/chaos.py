"""Peers that do everything wrong at once, for test_chaos: origins, clients, and good ones beside.

Every reply that a good origin gives is made of the request's own tag, so that a
reply that reaches another request shows. All random choices come from one seed.
"""

import asyncio
import hashlib
import socket
import ssl
import struct

HEAD_MAX = 1 << 20


def body_of(tag, size):
    """What a good origin answers to `tag`: so many bytes that only it can have."""
    block = hashlib.sha256(tag).hexdigest().encode()
    return (tag + b":" + block * (size // 64 + 1))[:size]


def reset(writer):
    """Ends a connection by a RST."""
    sock = writer.get_extra_info("socket")
    if sock and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def read_head(reader):
    """A start line and fields: (line, {name: value})."""
    raw = await reader.readuntil(b"\r\n\r\n")
    lines = raw.split(b"\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip()
    return lines[0], fields


async def read_body(reader, fields, until_close=False):
    """The content of a message."""
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        body = b""
        while True:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            body += (await reader.readexactly(size + 2))[:size]
            if not size:
                return body
    if b"content-length" in fields:
        return await reader.readexactly(int(fields[b"content-length"]))
    return await reader.read() if until_close else b""


class Origins:
    """Good origins answer to the tag; bad ones do what they want. `dice` is a random.Random."""

    def __init__(self, dice):
        self.dice = dice
        self.servers = []
        self.mixed_up = []  # what a good origin found wrong in a request

    async def start(self, serve):
        """A server on a free port; returns the port."""
        async def guarded(reader, writer):
            try:
                await serve(reader, writer)
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
                pass
            finally:
                writer.transport.abort() if self.dice.random() < 0.1 else writer.close()
        server = await asyncio.start_server(guarded, "127.0.0.1", 0, limit=HEAD_MAX, backlog=512)
        self.servers.append(server)
        return server.sockets[0].getsockname()[1]

    async def good(self, reader, writer):
        """Echoes tag, size and the request's body's digest; checks that the request is whole."""
        while True:
            _, fields = await read_head(reader)
            body = await read_body(reader, fields)
            tag, size = fields.get(b"x-tag", b"none"), int(fields.get(b"x-size", b"9"))
            if b"x-tag" in fields and body != body_of(b"up" + tag, len(body)):
                self.mixed_up.append((tag, body[:100]))
            data = body_of(tag, size)
            if self.dice.random() < 0.5:
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(data)
                data = b"\r\n" + data
            else:
                step = max(self.dice.choice((7, 100, 5000)), len(data) // 100)
                head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                data = b"\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(data[i:i + step]),
                                                            data[i:i + step])
                                          for i in range(0, len(data), step)) + b"0\r\n\r\n"
            closes = self.dice.random() < 0.05
            writer.write(head + (b"Connection: close\r\n" if closes else b"") + data)
            await writer.drain()
            if closes:
                return

    async def bad(self, reader, writer):
        """One behaviour a request, each of them wrong in its way."""
        dice = self.dice
        if dice.random() < 0.05:
            return  # closes what it accepted
        if dice.random() < 0.05:
            writer.write(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n")  # unasked
        while True:
            _, fields = await read_head(reader)
            behave = dice.choice(BAD)
            if behave not in EARLY:
                await read_body(reader, fields)
            if await behave(self, writer, dice) is not True:
                return


async def say(writer, data):
    """Sends all of it."""
    writer.write(data)
    await writer.drain()


async def close_at_once(_, writer, dice):
    """Nothing, or a reset."""
    if dice.random() < 0.5:
        reset(writer)


async def half_a_head(_, writer, dice):
    """Cut anywhere within the head."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"
    await say(writer, whole[:dice.randrange(len(whole))])


async def half_a_body(_, writer, dice):
    """Less than the length."""
    await say(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" +
              b"a" * dice.randrange(99999))
    if dice.random() < 0.5:
        reset(writer)


async def half_a_chunk(_, writer, dice):
    """Chunks that are cut, or are none."""
    await say(writer, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" +
              dice.choice((b"", b"f", b"ffff\r\nab", b"zz\r\n", b"-1\r\n", b"5\r\nhelloX",
                           b"ffffffffffffffffff\r\n", b"5;" + b"x" * 5000, b"0\r\nA: b")))


async def garbage(_, writer, dice):
    """Bytes of all kinds."""
    await say(writer, dice.randbytes(dice.randrange(1, 5000)))


async def almost_http(_, writer, dice):
    """A head that two readers could understand differently, or none."""
    await say(writer, dice.choice((
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", b"HTTP/1.1 200 OK\r\n X: a\r\n\r\n",
        b"HTTP/3 200 OK\r\n\r\n", b"HTTP/1.1 999999 X\r\n\r\n", b"HTTP/1.1 200 OK\n\nbody",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x00\x01")))


async def interim_flood(_, writer, dice):
    """More 1xx than anybody wants."""
    for _ in range(dice.choice((3, 100))):
        await say(writer, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    await say(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    return True


async def huge_head(_, writer, dice):
    """Over the limit, in bytes or in fields."""
    await say(writer, b"HTTP/1.1 200 OK\r\n" + dice.choice((
        b"X: " + b"a" * 200000, b"X: a\r\n" * 500)) + b"\r\n\r\n")


async def drip(_, writer, dice):
    """A reply in single bytes."""
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + b"a" * 20:
        await say(writer, bytes((byte,)))
        await asyncio.sleep(dice.random() * 0.005)
    return True


async def stray(_, writer, dice):
    """A reply and more than it."""
    await say(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + dice.choice((
        b"more", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray")))
    return True


async def late_stray(_, writer, dice):
    """The same, a moment later: into a connection at rest."""
    await say(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    await asyncio.sleep(dice.random() * 0.01)
    await say(writer, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")


async def old(_, writer, dice):
    """HTTP/1.0, whose end is the connection's."""
    await say(writer, b"HTTP/1.0 200 OK\r\n\r\n" + b"a" * dice.randrange(100000))


async def no_content(_, writer, dice):
    """A 204 or 304 with a body that must not be there."""
    await say(writer, dice.choice((b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello",
                                   b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n")))
    return True


async def fails(_, writer, dice):
    """A status that is tried again."""
    await say(writer, b"HTTP/1.1 %d X\r\nContent-Length: 3\r\n\r\nbad" %
              dice.choice((500, 502, 503, 504)))
    return True


async def silence(_, writer, dice):
    """No answer, until somebody gives up."""
    await asyncio.sleep(dice.random() * 3)


async def flood(_, writer, dice):
    """Megabytes, in small chunks, and a cut."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(dice.randrange(300)):
        await say(writer, b"3\r\nabc\r\n" * 2000)
    if dice.random() < 0.5:
        await say(writer, b"0\r\n\r\n")
        return True


async def early_refusal(_, writer, dice):
    """413 before the body came, and more or less of an end."""
    await say(writer, b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n" + dice.choice((
        b"", b"Connection: close\r\n")) + b"\r\nbig")
    if dice.random() < 0.5:
        await asyncio.sleep(0.05)


async def early_good(_, writer, dice):
    """A long reply while the request's body still comes, and none of that is read."""
    await say(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"a" * 300000)
    await asyncio.sleep(dice.random() * 0.2)


async def cacheable(_, writer, dice):
    """Something large to keep."""
    size = dice.choice((10, 5000, 900000))
    await say(writer, b"HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nContent-Length: %d\r\n\r\n"
              % size + b"c" * size)
    return True


EARLY = (early_refusal, early_good, close_at_once, silence)
BAD = EARLY + (half_a_head, half_a_body, half_a_chunk, garbage, almost_http, interim_flood,
               huge_head, drip, stray, late_stray, old, no_content, fails, flood, cacheable)


class Clients:
    """Good and bad clients of one gateway, until `stop` is set."""

    def __init__(self, dice, port, tls_port, cert):
        self.dice, self.port, self.tls_port = dice, port, tls_port
        self.tls = ssl.create_default_context(cafile=cert)
        self.stop = asyncio.Event()
        self.ending = False  # the gateway is: it may refuse, and end what is at rest
        self.asked = self.hostile = 0
        self.wrong = []  # what a good client found wrong

    async def connect(self, tls=False):
        """A connection to the gateway."""
        if tls:
            return await asyncio.open_connection("127.0.0.1", self.tls_port, ssl=self.tls,
                                                 server_hostname="shop.test", limit=HEAD_MAX)
        return await asyncio.open_connection("127.0.0.1", self.port, limit=HEAD_MAX)

    async def good(self, number, tls):
        """Asks for its own tags over connections it keeps; everything must be right."""
        while not self.stop.is_set():
            try:
                reader, writer = await self.connect(tls)
            except OSError:
                if self.ending:
                    return
                raise
            for _ in range(self.dice.randrange(1, 60)):
                if self.stop.is_set() or not await self.ask(number, reader, writer):
                    break
            writer.close()

    async def ask(self, number, reader, writer):
        """One tagged request. False when the connection is over."""
        self.asked += 1
        tag = b"%d-%d" % (number, self.asked)
        size = self.dice.choice((0, 1, 100, 3000, 70000, 400000))
        up = body_of(b"up" + tag, self.dice.choice((0, 0, 10, 4000, 200000)))
        method = self.dice.choice((b"POST", b"PUT")) if up else b"GET"
        head = b"%s /good/%s HTTP/1.1\r\nHost: t\r\nX-Tag: %s\r\nX-Size: %d\r\n" % (
            method, tag, tag, size)
        if up and self.dice.random() < 0.5:
            writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(
                b"%x\r\n%s\r\n" % (len(up[i:i + 999]), up[i:i + 999])
                for i in range(0, len(up), 999)) + b"0\r\n\r\n")
        else:
            writer.write(head + (b"Content-Length: %d\r\n" % len(up) if up else b"") +
                         b"\r\n" + up)
        line = b""
        try:
            line, fields = await asyncio.wait_for(read_head(reader), 30)
            body = await asyncio.wait_for(read_body(reader, fields), 30)
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            if self.ending and not line and not getattr(error, "partial", b""):
                return False
            self.wrong.append((tag, method, size, len(up), repr(error)))
            return False
        if b" 200 " not in line or body != body_of(tag, size):
            self.wrong.append((tag, method, size, len(up), line, body[:200]))
        return fields.get(b"connection", b"").lower() != b"close"

    async def bad(self):
        """One wrong deed after the other."""
        while not self.stop.is_set():
            deed = self.dice.choice(DEEDS)
            self.hostile += 1
            try:
                await asyncio.wait_for(deed(self, self.dice), 4)
            except (OSError, EOFError, ValueError, IndexError, asyncio.TimeoutError,
                    asyncio.LimitOverrunError):
                pass


def request(dice, service=b"bad", body=b""):
    """Some request to a service."""
    path = b"/%s/%d" % (service, dice.randrange(50))
    if body:
        return b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n%s" % (
            path, len(body), body)
    return b"%s %s HTTP/1.%d\r\nHost: t\r\n\r\n" % (
        dice.choice((b"GET", b"GET", b"HEAD", b"DELETE")), path, dice.random() < 0.9)


def leave(writer, dice):
    """Goes, in some way."""
    if dice.random() < 0.5:
        reset(writer)
    else:
        writer.close()


async def ask_and_leave(self, dice):
    """Does not wait for the answer, or not for all of it."""
    reader, writer = await self.connect(dice.random() < 0.2)
    writer.write(request(dice, dice.choice((b"bad", b"good"))))
    if dice.random() < 0.7:
        await reader.read(dice.choice((1, 1000, 100000)))
    leave(writer, dice)


async def ask_to_the_end(self, dice):
    """Reads whatever comes, on a connection that is kept."""
    reader, writer = await self.connect(dice.random() < 0.2)
    for _ in range(10):
        body = b"b" * dice.choice((0, 0, 10, 100000, 600000))
        writer.write(request(dice, body=body))
        line, fields = await asyncio.wait_for(read_head(reader), 5)
        status = int(line.split()[1])
        if status not in (204, 304):
            await asyncio.wait_for(reader.read(int(fields.get(b"content-length", b"1000"))), 5)
    leave(writer, dice)


async def half_close(self, dice):
    """Ends its side after some requests, or within one."""
    reader, writer = await self.connect()
    data = b"".join(request(dice, body=b"b" * dice.choice((0, 100))) for _ in range(5))
    writer.write(data[:dice.randrange(1, len(data))])
    writer.write_eof()
    await reader.read(1 << 22)
    leave(writer, dice)


async def pipeline(self, dice):
    """Hundreds of requests at once; reads some answers."""
    reader, writer = await self.connect()
    writer.write(b"".join(request(dice, dice.choice((b"bad", b"none"))) for _ in range(300)))
    await reader.read(dice.choice((1, 100000)))
    leave(writer, dice)


async def malformed(self, dice):
    """No request, after one or instead."""
    reader, writer = await self.connect()
    if dice.random() < 0.5:
        writer.write(b"GET /none HTTP/1.1\r\nHost: t\r\n\r\n")
    writer.write(dice.choice((
        dice.randbytes(300), b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /bad HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /bad HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld",
        b"GET /" + b"a" * 100000, b"\r\n" * 1000, b"X: a\r\n" * 10000)))
    await reader.read(1 << 20)
    leave(writer, dice)


async def slow_reader(self, dice):
    """Asks for much and reads little."""
    reader, writer = await self.connect(dice.random() < 0.2)
    writer.write(b"GET /good/x HTTP/1.1\r\nHost: t\r\nX-Tag: x\r\nX-Size: 20000000\r\n\r\n")
    for _ in range(dice.randrange(30)):
        await reader.read(1000)
        await asyncio.sleep(0.02)
    leave(writer, dice)


async def slow_head(self, dice):
    """A head in drips."""
    _, writer = await self.connect()
    for byte in request(dice):
        await say(writer, bytes((byte,)))
        await asyncio.sleep(dice.random() * 0.1)
    leave(writer, dice)


async def cut_upload(self, dice):
    """A body that drips, stops, or is cut."""
    reader, writer = await self.connect(dice.random() < 0.2)
    service = dice.choice((b"bad", b"good"))
    writer.write(b"POST /%s/cut HTTP/1.1\r\nHost: t\r\nX-Tag: cut\r\nX-Size: 5\r\n%s%s\r\n" % (
        service, dice.choice((b"", b"Expect: 100-continue\r\n")),
        dice.choice((b"Content-Length: 900000\r\n",
                     b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n"))))
    for _ in range(dice.randrange(40)):
        await say(writer, b"up" * dice.choice((1, 5000)))
        await asyncio.sleep(dice.random() * 0.05)
    if dice.random() < 0.3:
        await reader.read(1000)
    leave(writer, dice)


async def too_large(self, dice):
    """A body over the limit, told or not."""
    reader, writer = await self.connect()
    writer.write(b"POST /bad/large HTTP/1.1\r\nHost: t\r\n" + dice.choice((
        b"Content-Length: 3000000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n300000\r\n")) + b"a" * dice.choice((0, 3000000)))
    await reader.read(100)
    leave(writer, dice)


async def connect_only(self, dice):
    """Says nothing for a while."""
    _, writer = await self.connect()
    await asyncio.sleep(dice.random() * 2)
    leave(writer, dice)


async def half_a_handshake(self, dice):
    """No TLS, or the beginning of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", self.tls_port)
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(600)
    writer.write(dice.choice((hello, hello[:20], b"GET / HTTP/1.1\r\n\r\n", dice.randbytes(50))))
    await asyncio.wait_for(reader.read(100), 3)
    leave(writer, dice)


DEEDS = (ask_and_leave, ask_and_leave, ask_to_the_end, ask_to_the_end, half_close, pipeline,
         malformed, slow_reader, slow_head, cut_upload, cut_upload, too_large, connect_only,
         half_a_handshake)
