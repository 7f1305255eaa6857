// oidc-provider on loopback, its access tokens reshaped to what an Okta custom authorization server issues.
//
// Usage: node server.mjs SPEC.json
// SPEC:  {"audiences": [...], "clients": [{"client_id", "client_secret"?, "jwks"?, "groups"?, "okta"?, "device"?}]}
// Prints its issuer string as the first line, and ends when its standard input closes.
// A client with "okta": false gets oidc-provider's own claims (RFC 9068's words: client_id, scope).
// One with "device": true lets people log in (RFC 8628) on oidc-provider's own pages, where any name and password will do. Its
// tokens are for the first audience.

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

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

function authentication({ client_secret, jwks, device }) {
  if (client_secret) return { client_secret, token_endpoint_auth_method: 'client_secret_basic' };
  if (device) return { token_endpoint_auth_method: 'none', application_type: 'native' };
  return { jwks, token_endpoint_auth_method: 'private_key_jwt' };
}

function client({ client_id, client_secret, jwks, groups = [], okta = true, device = false }) {
  return {
    client_id,
    ...authentication({ client_secret, jwks, device }),
    grant_types: [device ? DEVICE : 'client_credentials'],
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
    findAccount: (ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      devInteractions: { enabled: spec.clients.some(({ device }) => device) },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, { grantTypes }) => (grantTypes.includes(DEVICE) ? spec.audiences[0] : undefined),
        useGrantedResource: () => true,
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
