"""The client library in a program that does what the test says, and registries that misbehave.

`Driver` runs lib_driver. `Scripted` is a registry whose methods the test writes; `Hostile` is a
socket that gets whole requests and answers bytes.
"""

import os
import socket
import socketserver
import subprocess
import threading
import xmlrpc.client
import xmlrpc.server

from harness import BUILD, ENVIRONMENT, PATIENCE, Program, wait_until


class Failed(Exception):
    """The library's error: `code` ("timeout") and `text`."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Driver(Program):
    """lib_driver with an open handle, unless `urls` is None."""

    def __init__(self, stage, urls=None, timeout_ms=5000, snapshot="-", token="-", env=None):
        self.name, self.args = "lib_driver", [os.path.join(BUILD, "lib_driver")]
        self.err_file = os.path.join(stage.dir, f"lib_driver.{len(stage.programs)}.err")
        self.out_file = os.devnull
        self.seen, self.expect = 0, {0}
        self.took = 0  # milliseconds, of the last command
        with open(self.err_file, "wb") as err:
            self.process = subprocess.Popen(
                self.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True,
                cwd=stage.dir, env={**os.environ, **ENVIRONMENT, **(env or {})})
        stage.add(self)
        if urls is not None:
            self.do("open", urls, timeout_ms, snapshot, token)

    def do(self, *words):
        """One command; returns the words of the answer, raises Failed for an error."""
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"lib_driver ended at {words}:\n{self.log()}")
        took, outcome, *said = line.split()
        self.took = int(took)
        if outcome == "error":
            raise Failed(said[0], " ".join(said[1:]))
        return said

    def instances(self, service):
        """The ids that resolve finds; None when nothing is known of the service."""
        said = self.do("resolve", service)
        return None if said[0] == "unknown" else {word.split("=")[0] for word in said[3:]}

    def reason(self, service):
        """Why resolve finds nothing."""
        return self.do("resolve", service)[2]

    def is_held(self, service):
        """True when the list is said to be held."""
        return self.do("resolve", service)[1] == "held"

    def wait_instances(self, service, ids):
        """Waits until resolve finds exactly these."""
        wait_until(lambda: self.instances(service) == set(ids), f"{service} = {ids}")

    def wait_state(self, slot, state):
        """Waits for the state of a lease."""
        wait_until(lambda: self.do("state", slot) == [state], f"lease {slot} {state}")

    def stop(self, number=None):
        """Ends it by the end of its input."""
        if number is not None:
            return super().stop(number)
        self.process.stdin.close()
        code = self.wait()
        self.process.stdout.close()
        return code

    def kill(self):
        """kill -9, and waits for its end."""
        super().kill()
        self.process.stdin.close()
        self.process.stdout.close()


class Scripted:
    """A registry whose methods are `methods`: {"registry.lookup": function}. Counts the calls."""

    class Server(socketserver.ThreadingMixIn, xmlrpc.server.SimpleXMLRPCServer):
        """A thread per connection."""
        daemon_threads = True

        def handle_error(self, request, client_address):
            """A client that leaves in the middle is no error here."""

    class Handler(xmlrpc.server.SimpleXMLRPCRequestHandler):
        """With keep-alive."""
        rpc_paths = ("/RPC2",)
        protocol_version = "HTTP/1.1"

    def __init__(self, methods):
        self.calls = []  # (method, parameter)
        self.changed = threading.Condition()
        self.closing = False
        self.server = self.Server(("127.0.0.1", 0), self.Handler, logRequests=False)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/RPC2"
        for name, function in methods.items():
            self.server.register_function(self.counted(name, function), name)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def counted(self, name, function):
        """`function`, its calls written down."""
        def call(param):
            with self.changed:
                self.calls.append((name, param))
                self.changed.notify_all()
            return function(param)
        return call

    def of(self, name):
        """The parameters of the calls of one method so far."""
        return [param for method, param in self.calls if method == name]

    def wait(self, question):
        """Waits, in a method, until the answer is true or the registry closes."""
        with self.changed:
            while not question() and not self.closing:
                self.changed.wait(0.05)

    def close(self):
        """Ends it."""
        self.closing = True
        self.server.shutdown()
        self.server.server_close()


class Hostile:
    """Hands each request, once its body is there, to `behave(connection)`."""

    def __init__(self, behave):
        self.behave = behave
        self.requests = 0
        self.open = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/RPC2"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        """A thread per connection, until closed."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        """One request."""
        try:
            with connection:
                self.read(connection)
                self.requests += 1
                self.behave(connection)
        except (OSError, ValueError):
            pass
        finally:
            self.open.discard(connection)

    @staticmethod
    def read(connection):
        """Reads the head and as much body as it declares."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536) or b"\r\n\r\n"
        head, _, body = data.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    more = connection.recv(65536)
                    if not more:
                        return
                    body += more

    def close(self):
        """Ends it and what hangs on it."""
        self.listener.close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def reply(body, head=b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"):
    """A whole HTTP reply."""
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def answer(value):
    """A whole HTTP reply with an XML-RPC value."""
    return reply(xmlrpc.client.dumps((value,), methodresponse=True).encode())


def hang(connection):
    """Never answers, until the other end leaves."""
    connection.settimeout(PATIENCE)
    connection.recv(1)
