"""HTTP/1.1 as bytes on a socket, for tests that care about them.

`Reply` is what every client here answers with; `Connection` speaks to a server
byte for byte; `read_message` and `read_body` take messages off a buffered file
and are shared with the origin. They are lenient on purpose: judging what came
is the test's business.
"""

import os
import socket


class Fields(list):
    """Header fields as (name, value) pairs, in order, looked up ignoring case."""

    def get(self, name, default=None):
        """The first value of that name."""
        return next((v for n, v in self if n.lower() == name.lower()), default)

    def all(self, name):
        """Every value of that name."""
        return [v for n, v in self if n.lower() == name.lower()]

    def __contains__(self, name):
        return self.get(name) is not None


class Reply:
    """One reply: status, reason, headers (Fields), body, raw head, trailers (their lines)."""

    def __init__(self, status, headers, body, raw=b"", reason=""):
        self.status, self.headers, self.body = status, headers, body
        self.raw, self.reason, self.trailers = raw, reason, b""

    def __repr__(self):
        return f"<Reply {self.status} {list(self.headers)} {self.body[:200]!r}>"


class Ended(Exception):
    """The peer closed before a whole message was there; `got` is what came."""

    def __init__(self, got):
        super().__init__(f"closed after {got[-300:]!r}")
        self.got = got


def read_head(file):
    """Reads a start line and fields. Returns (raw, start line, Fields); raises Ended."""
    raw = b""
    while not raw.endswith((b"\r\n\r\n", b"\n\n")):
        line = file.readline()
        if not line:
            raise Ended(raw)
        if not raw and line in (b"\r\n", b"\n"):
            continue
        raw += line
    lines = raw.decode("latin-1").split("\n")
    fields = Fields()
    for line in lines[1:]:
        name, colon, value = line.strip("\r").partition(":")
        if colon:
            fields.append((name, value.strip(" \t")))
    return raw, lines[0].strip("\r"), fields


def read_exactly(file, count):
    """`count` bytes, or raises Ended."""
    data = file.read(count)
    if len(data) < count:
        raise Ended(data)
    return data


def read_chunked(file):
    """Returns (content, raw bytes with the framing, raw lines of trailers)."""
    body, raw = bytearray(), bytearray()
    while True:
        line = file.readline()
        raw += line
        if not line.endswith(b"\n"):
            raise Ended(bytes(raw))
        size = int(line.split(b";")[0].strip() or b"0", 16)
        if size == 0:
            break
        piece = read_exactly(file, size)
        end = file.readline()
        body += piece
        raw += piece + end
    last = len(raw)
    while True:
        line = file.readline()
        raw += line
        if line in (b"\r\n", b"\n"):
            return bytes(body), bytes(raw), bytes(raw[last:-len(line)])
        if not line:
            raise Ended(bytes(raw))


def read_body(file, fields):
    """The body of a request. Returns (content, raw)."""
    if "chunked" in (fields.get("Transfer-Encoding") or "").lower():
        return read_chunked(file)[:2]
    length = fields.get("Content-Length")
    body = read_exactly(file, int(length)) if length else b""
    return body, body


class Connection:
    """A client's connection to a server, to send any bytes on and read replies from."""

    def __init__(self, port, timeout, host="127.0.0.1", tls=None):
        """`tls` is an ssl.SSLContext."""
        self.sock = socket.create_connection((host, port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=host)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes it; harmless twice."""
        self.file.close()
        self.sock.close()

    def send(self, data):
        """Sends all of it."""
        self.sock.sendall(data)

    def half_close(self):
        """Says that nothing more is sent."""
        with socket.socket(fileno=os.dup(self.sock.fileno())) as plain:  # TLS stays as it is
            plain.shutdown(socket.SHUT_WR)

    def reply(self, method="GET"):
        """The next reply, an interim one (1xx) too. Raises Ended when none comes whole."""
        raw, line, fields = read_head(self.file)
        trailers = b""
        words = line.split(" ", 2) + [""]
        status = int(words[1])
        if method == "HEAD" or status < 200 or status in (204, 304):
            body = b""
        elif "chunked" in (fields.get("Transfer-Encoding") or "").lower():
            body, _, trailers = read_chunked(self.file)
        elif "Content-Length" in fields:
            body = read_exactly(self.file, int(fields.get("Content-Length")))
        else:
            body = self.file.read()
        reply = Reply(status, fields, body, raw, words[2])
        reply.trailers = trailers
        return reply

    def rest(self):
        """Everything until the peer closes (a reset counts as closing)."""
        data = b""
        try:
            while True:
                piece = self.file.read1(65536)
                if not piece:
                    return data
                data += piece
        except ConnectionError:
            return data

    def is_closed(self):
        """Waits for the peer's close; False when bytes come, or nothing within the timeout."""
        try:
            return self.file.read1(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False
