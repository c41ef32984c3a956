// An OpenID provider on loopback: npm's oidc-provider. It gives programs (client "shop", secret
// "secret") access tokens that are JWTs, signed by the newest of its keys.
//
//     oidc_provider.js AUDIENCE     prints the issuer's URL; POST /rotate makes another key the
//                                   newest, POST /forget drops all but that
"use strict";
const { generateKeyPairSync } = require("node:crypto");
const { createServer } = require("node:http");
const { pathToFileURL } = require("node:url");

const audience = process.argv[2];
const keys = []; // the newest first

function rotate() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const kid = `key-${keys.length + 1}`;
  keys.unshift({ ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" });
}

(async () => {
  const { default: Provider } = await import(
    pathToFileURL(require.resolve("oidc-provider")).href);
  let issuer, handle;

  function start() {
    const provider = new Provider(issuer, {
      jwks: { keys },
      cookies: { keys: ["of no use here"] },
      scopes: ["orders.read"],
      clients: [{
        client_id: "shop", client_secret: "secret", redirect_uris: [], response_types: [],
        grant_types: ["client_credentials"], id_token_signed_response_alg: "ES256",
      }],
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => audience,
          getResourceServerInfo: () => ({
            scope: "orders.read", audience, accessTokenFormat: "jwt", accessTokenTTL: 600,
            jwt: { sign: { alg: "ES256", kid: keys[0].kid } },
          }),
        },
      },
    });
    handle = provider.callback();
  }
  const server = createServer((request, response) => {
    if (request.method !== "POST" || !["/rotate", "/forget"].includes(request.url)) {
      handle(request, response);
      return;
    }
    if (request.url === "/rotate") rotate();
    else keys.length = 1;
    start();
    response.end();
  });
  server.listen(0, "127.0.0.1", () => {
    issuer = `http://127.0.0.1:${server.address().port}`;
    rotate();
    start();
    console.log(issuer);
  });
})();
