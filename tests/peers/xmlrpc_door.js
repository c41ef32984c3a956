// Calls methods of the gateway by npm's xmlrpc, as an old program would.
//
//     xmlrpc_door.js URL     prints what came of it, as JSON
"use strict";
const { createClient } = require("xmlrpc");

const client = createClient(process.argv[2]);

function call(method, ...params) {
  return new Promise((resolve, reject) =>
    client.methodCall(method, params, (fault, value) => (fault ? reject(fault) : resolve(value))));
}

(async () => {
  const time = new Date(2026, 10, 21, 10, 0, 0);
  const echo = await call("echo", 7, true, "<ü>", 0.5, time, Buffer.from("hi"), [1], { a: 2 });
  const bytes = await call("bytes");
  const when = await call("time");
  const fault = await call("orders.get", "0").catch(
    ({ faultCode, faultString }) => ({ faultCode, faultString }));
  const methods = await call("system.listMethods");
  const many = await call("system.multicall", [
    { methodName: "orders.get", params: ["1"] },
    { methodName: "nope", params: [] },
  ]);
  console.log(JSON.stringify({
    echo, bytes: bytes.toString("base64"), time: when.toISOString(), fault, methods, many }));
})();
