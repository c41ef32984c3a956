"""A programmable origin server: what stands behind the gateway in the tests.

It records every request byte for byte and answers as its behaviour says: a
function of (request, connection) that returns the bytes to send, or sends by
itself and returns None. `reply()` and `chunked()` make the usual bytes.
"""

import os
import socket
import struct
import threading

from wire import Ended, read_body, read_head

REASONS = {200: "OK", 201: "Created", 204: "No Content", 304: "Not Modified",
           404: "Not Found", 500: "Internal Server Error", 502: "Bad Gateway",
           503: "Service Unavailable", 504: "Gateway Timeout"}


def head(status, headers):
    """A reply's head; `headers` is a dict or a list of pairs."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in pairs]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def reply(status=200, body=b"ok", headers=()):
    """A whole reply with Content-Length."""
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    if status not in (204, 304):
        pairs.append(("Content-Length", len(body)))
    return head(status, pairs) + body


def chunked(pieces, status=200, headers=(), trailer=b""):
    """A whole reply in chunks."""
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    pairs.append(("Transfer-Encoding", "chunked"))
    body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces)
    return head(status, pairs) + body + b"0\r\n" + trailer + b"\r\n"


class Request:
    """One recorded request: method, target, headers, body, raw (all its bytes), connection no."""

    def __init__(self, line, raw, headers, body, connection):
        words = line.split(" ") + ["", ""]
        self.method, self.target = words[0], words[1]
        self.line, self.raw, self.headers, self.body = line, raw, headers, body
        self.connection = connection

    def __repr__(self):
        return f"<Request {self.line!r} on connection {self.connection}>"


class Peer:
    """The origin's side of one connection, for behaviours that do more than reply."""

    def __init__(self, sock, number):
        self.sock, self.number = sock, number

    def send(self, data):
        """Sends all of it."""
        self.sock.sendall(data)

    def close(self):
        """Closes in good order."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def end(self):
        """Says that nothing follows, by TLS's own word (close_notify), and closes."""
        try:
            self.sock.unwrap()
        except OSError:  # the other side may not answer it
            pass
        self.close()

    def reset(self):
        """Closes with a RST, so that the other side reads an error."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.sock.detach())  # at once, though the reader's file still holds the socket


def always(data):
    """A behaviour: these bytes, whatever is asked."""
    return lambda request, peer: data


class Origin:
    """Listens on a free port of 127.0.0.1 until close(). `behave` may be changed at any time.

    With `tls` (an ssl.SSLContext) it speaks TLS, with `path` it listens on a Unix socket."""

    def __init__(self, behave=None, port=0, tls=None, path=None):
        self.tls = tls
        self.resumed = []  # of each connection with TLS, whether it took a session up again
        self.behave = behave or always(reply())
        self.requests = []  # guarded by changed, like all below
        self.pieces = []  # the bytes of each request, whole or cut short, as they came
        self.accepted = 0
        self.open = set()
        self.changed = threading.Condition()
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen(512)
            self.address = f"unix:{path}"
        else:
            self.listener = socket.create_server(("127.0.0.1", port), backlog=512)
            self.port = self.listener.getsockname()[1]
            self.address = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        """Stops listening and resets what is open: from now on connects are refused."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.close_connections()

    def close_connections(self):
        """Ends every open connection, in good order."""
        with self.changed:
            for sock in self.open:
                Peer(sock, 0).close()

    def clear(self):
        """Forgets what was recorded."""
        with self.changed:
            self.requests, self.pieces = [], []

    def wait_requests(self, count, timeout=20):
        """Waits until so many were recorded, and returns them."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.requests) >= count, timeout):
                raise AssertionError(f"{len(self.requests)} requests came, not {count}")
            return list(self.requests)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                self.accepted += 1
                self.open.add(sock)
                number = self.accepted
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _shake_hands(self, sock):
        """The socket to read and write from now on."""
        if not self.tls:
            return sock
        secure = self.tls.wrap_socket(sock, server_side=True, suppress_ragged_eofs=True)
        with self.changed:
            self.open.discard(sock)
            self.open.add(secure)
            self.resumed.append(secure.session_reused)
        return secure

    def _serve(self, sock, number):
        try:
            sock = self._shake_hands(sock)
            peer = Peer(sock, number)
            with sock.makefile("rb") as file:
                while self._exchange(file, peer):
                    pass
        except (OSError, ValueError):  # ours or theirs: the connection is over
            pass
        finally:
            with self.changed:
                self.open.discard(sock)
            sock.close()

    def _exchange(self, file, peer):
        """One request and its answer; False when the connection is done."""
        try:
            raw, line, fields = read_head(file)
        except Ended as end:
            self._record(end.got, None)
            return False
        try:
            if (fields.get("Expect") or "").lower() == "100-continue":
                peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            body, body_raw = read_body(file, fields)
        except Ended as end:
            self._record(raw + end.got, None)
            return False
        request = Request(line, raw + body_raw, fields, body, peer.number)
        self._record(request.raw, request)
        data = self.behave(request, peer)
        if data is not None:
            peer.send(data)
        return peer.sock.fileno() >= 0

    def _record(self, raw, request):
        with self.changed:
            if raw:
                self.pieces.append(raw)
            if request:
                self.requests.append(request)
            self.changed.notify_all()
