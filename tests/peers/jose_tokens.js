// Makes tokens of every algorithm by npm's jose, and serves their keys as a JWK set.
//
//     jose_tokens.js ISSUER AUDIENCE     prints {url, tokens: {ALG: token}} as JSON; `stranger`
//                                        is by a key that is not in the set
"use strict";
const http = require("node:http");
const { pathToFileURL } = require("node:url");

(async () => {
  const jose = await import(pathToFileURL(require.resolve("jose")).href);
  const [issuer, audience] = process.argv.slice(2);
  const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
    "ES512", "EdDSA", "HS256", "HS384", "HS512"];
  const keys = [], tokens = {};

  const sign = (key, alg, kid) => new jose.SignJWT({ scope: "orders.read", n: 9007199254740991 })
    .setProtectedHeader({ alg, kid, typ: "JWT" }).setIssuer(issuer).setAudience(audience)
    .setSubject("ada").setIssuedAt().setExpirationTime("10m").sign(key);

  for (const alg of algorithms) {
    let key, publicKey;
    if (alg.startsWith("HS")) {
      key = publicKey = await jose.generateSecret(alg, { extractable: true });
    } else {
      ({ privateKey: key, publicKey } = await jose.generateKeyPair(alg, { extractable: true }));
    }
    keys.push({ ...await jose.exportJWK(publicKey), kid: alg, alg, use: "sig" });
    tokens[alg] = await sign(key, alg, alg);
  }
  const stranger = await jose.generateKeyPair("ES256");
  tokens.stranger = await sign(stranger.privateKey, "ES256", "ES256");
  const server = http.createServer((request, response) => {
    response.setHeader("Content-Type", "application/jwk-set+json");
    response.end(JSON.stringify({ keys }));
  }).listen(0, "127.0.0.1", () => console.log(
    JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/keys`, tokens })));
})();
