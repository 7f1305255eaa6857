// oidc-provider on loopback, its access tokens reshaped to what an Okta custom authorization server issues.
//
// Usage: node server.mjs SPEC.json
// SPEC:  {"audiences": [...], "clients": [{"client_id", "client_secret"?, "jwks"?, "groups"?, "okta"?}]}
// Prints its issuer string as the first line, and ends when its standard input closes.
// A client with "okta": false gets oidc-provider's own claims (RFC 9068's words: client_id, scope).

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

const MOUNT = '/oauth2/dev-oidc-provider';
const SCOPE = 'database';

const spec = JSON.parse(readFileSync(process.argv[2], 'utf8'));

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
}

function client({ client_id, client_secret, jwks, groups = [], okta = true }) {
  return {
    client_id,
    ...(client_secret ? { client_secret } : { jwks }),
    token_endpoint_auth_method: client_secret ? 'client_secret_basic' : 'private_key_jwt',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope: SCOPE,
    groups,
    okta,
  };
}

// The claims that Okta documents for a client-credentials token of a custom authorization server.
function reshape(ctx, token, jwt) {
  const { groups, okta } = ctx.oidc.client;
  if (!okta) {
    jwt.payload.groups = groups;
    return;
  }
  const { client_id: cid, scope = '', sub, ...rest } = jwt.payload;
  jwt.payload = { ver: 1, ...rest, cid, scp: scope.split(' ').filter(Boolean), sub, groups };
}

function configuration() {
  return {
    clients: spec.clients.map(client),
    extraClientMetadata: { properties: ['groups', 'okta'] },
    formats: { customizers: { jwt: reshape } },
    jwks: { keys: [signingKey()] },
    scopes: [SCOPE],
    ttl: { ClientCredentials: 300 },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(ctx, resource) {
          if (!spec.audiences.includes(resource)) throw new Error('unknown resource');
          return { scope: SCOPE, audience: resource, accessTokenTTL: 300, accessTokenFormat: 'jwt' };
        },
      },
    },
  };
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}${MOUNT}`;
  const answer = new Provider(issuer, configuration()).callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith(`${MOUNT}/`)) {
      response.writeHead(404).end();
      return;
    }
    request.originalUrl = request.url;
    request.url = request.url.slice(MOUNT.length);
    answer(request, response);
  });
  console.log(issuer);
});

process.stdin.resume();
process.stdin.on('close', () => process.exit(0));
