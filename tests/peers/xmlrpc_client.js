// Calls the registry by npm's xmlrpc, as a program of its users would.
//
//     xmlrpc_client.js URL     prints what came of it, as JSON
"use strict";
const { createClient } = require("xmlrpc");

const client = createClient(process.argv[2]);

function call(method, param) {
  return new Promise((resolve, reject) =>
    client.methodCall(method, [param], (fault, value) => (fault ? reject(fault) : resolve(value))));
}

(async () => {
  const me = { service: "node", id: "a", host: "10.0.0.1", port: 80, meta: { "ü": "<&>" } };
  const { lease } = await call("registry.register", me);
  const beat = await call("registry.heartbeat", { ...me, lease });
  const found = await call("registry.lookup", { service: "node" });
  const fault = await call("registry.deregister", { service: "node", id: "a", lease: "0" }).catch(
    ({ faultCode, faultString }) => ({ faultCode, faultString }));
  const many = await call("system.multicall", [
    { methodName: "registry.lookup", params: [{ service: "node" }] },
    { methodName: "registry.lookup", params: [{}] },
  ]);
  console.log(JSON.stringify({ known: beat.known, found, fault, many }));
})();
