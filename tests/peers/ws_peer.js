// WebSocket peers by npm's ws.
//
//     ws_peer.js serve           prints its port; sends back each message
//     ws_peer.js ask URL [CA]    a conversation; prints what came of it
"use strict";
const { once } = require("events");
const { readFileSync } = require("fs");
const { WebSocket, WebSocketServer } = require("ws");

const BIG = Buffer.alloc(2 << 20, "0123456789abcdef!");

// `?` is answered with the path and the subprotocol.
function serve() {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: true });
  server.on("listening", () => console.log("port", server.address().port));
  server.on("connection", (socket, request) =>
    socket.on("message", (data, binary) => {
      if (!binary && String(data) === "?") socket.send(`${request.url} ${socket.protocol}`);
      else socket.send(data, { binary });
    }));
}

// As ws_peer.py's, which prints the same. Text, binary in pieces, compressed and not, a ping, and the closing handshake.
async function ask(url, ca) {
  const tls = ca ? { ca: readFileSync(ca), servername: "shop.test" } : {};
  const socket = new WebSocket(url, ["chat"], { perMessageDeflate: true, ...tls });
  const next = async (event) => (await once(socket, event))[0];
  await next("open");
  socket.send("?");
  console.log("asked", String(await next("message")));
  socket.send(BIG.subarray(0, 1000), { fin: false });
  socket.send(BIG.subarray(1000), { fin: true });
  console.log("big", BIG.equals(await next("message")) ? "True" : "False");
  socket.send(BIG, { compress: false });
  if (!BIG.equals(await next("message"))) throw new Error("another message came back");
  socket.ping("x");
  if (String(await next("pong")) !== "x") throw new Error("another pong came back");
  console.log("pong");
  socket.close(4001, "bye");
  console.log("closed", await next("close"));
}

if (process.argv[2] === "serve") serve();
else ask(...process.argv.slice(3));
