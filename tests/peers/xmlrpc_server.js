// An XML-RPC server by npm's xmlrpc, as a service of others would be.
//
//     xmlrpc_server.js     prints its port
"use strict";
const { createServer } = require("xmlrpc");

const server = createServer({ host: "127.0.0.1", port: 0 }, () =>
  console.log(server.httpServer.address().port));

function told(value) {
  if (Buffer.isBuffer(value)) return ["bytes", value.toString("base64")];
  if (value instanceof Date) return ["time", value.toISOString().slice(0, 10)];
  if (Array.isArray(value)) return ["array", value];
  return [typeof value, value];
}

server.on("echo", (_, params, answer) => answer(null, params.map(told)));
server.on("everything", (_, params, answer) => answer(null, {
  i: -5, t: true, s: "<&>ü", f: 0.5, d: new Date(2026, 0, 2, 3, 4, 5), b: Buffer.from("hi"),
  l: [1, [2, {}]], o: { a: { b: "c" } } }));
server.on("fail", (_, params, answer) => answer({ faultCode: 12, faultString: "no <thing>" }));
