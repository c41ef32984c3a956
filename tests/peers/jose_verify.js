// Verifies a JWS by npm's jose and prints what it says, as JSON.
//
//     jose_verify.js JWK TOKEN     exit code 1, and why, when it does not hold
"use strict";
const { pathToFileURL } = require("node:url");

(async () => {
  const jose = await import(pathToFileURL(require.resolve("jose")).href);
  const [jwk, token] = process.argv.slice(2);
  const key = await jose.importJWK(JSON.parse(jwk));
  const { payload, protectedHeader } = await jose.jwtVerify(token, key, { issuer: "microreg" });
  console.log(JSON.stringify({ payload, header: protectedHeader }));
})().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
