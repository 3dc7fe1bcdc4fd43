import { z } from 'zod';
import { setting, settings, settingWithoutDefault } from './fields.ts';
import { secretKeyRef } from './kubernetes-fields.ts';
import { urlRule } from './url-rule.ts';

/** `spec.auth`: who may connect, and what clients may do. */

const jwks = z
  .strictObject({
    url: settingWithoutDefault(settings.auth.jwksUrl, {
      rules: [urlRule('auth.jwks.url')],
    }),
    maxAgeSeconds: setting(settings.auth.jwksMaxAgeS, {
      description: 'The JWK Set is fetched again after this.',
    }),
    staleSeconds: setting(settings.auth.jwksStaleS, {
      description: 'Keys that cannot be fetched again for this long are given up.',
    }),
  })
  .meta({
    description:
      'Tokens are verified with keys from a URL. Without `issuer` and `audience` every token ' +
      'that these keys signed, for whatever application, is accepted.',
    rules: [
      {
        rule: 'self.maxAgeSeconds <= self.staleSeconds',
        message: 'auth.jwks.maxAgeSeconds must not be above auth.jwks.staleSeconds',
      },
    ],
  });

export const auth = z
  .strictObject({
    jwks: jwks.optional(),
    keysSecretRef: secretKeyRef(
      'jwks.json',
      'Tokens are verified with the JWK Set in this Secret; secret keys (HS256) may be in it. ' +
        'Read again when it changes.',
    ).optional(),
    anonymous: setting(settings.auth.anonymous, {
      description: 'Serve clients without a token from everywhere. They may read every topic.',
    }),
    anonymousPublish: setting(settings.auth.anonymousPublish),
    issuer: setting(settings.auth.issuer, { absent: 'any' }),
    audience: setting(settings.auth.audience, { absent: 'any' }),
    leewaySeconds: setting(settings.auth.leewayS),
    defaultSubscribe: setting(settings.auth.defaultSubscribe, { listType: 'set' }),
    defaultPublish: setting(settings.auth.defaultPublish, { listType: 'set' }),
    apiKeysSecretRef: secretKeyRef(
      'keys',
      'Secret with API keys for the HTTP API, one per line. Read again when it changes.',
    )
      .optional()
      .meta({ absent: 'tokens alone' }),
    allowedOrigins: setting(settings.auth.allowedOrigins, { listType: 'set' }),
  })
  .meta({
    description: 'Who may connect: exactly one of `jwks`, `keysSecretRef` and `anonymous: true`.',
    rules: [
      {
        rule:
          '(has(self.jwks) ? 1 : 0) + (has(self.keysSecretRef) ? 1 : 0) + ' +
          '(self.anonymous ? 1 : 0) == 1',
        message: 'auth needs exactly one of jwks, keysSecretRef and anonymous: true',
      },
      {
        rule: '!self.anonymousPublish || self.anonymous',
        message: 'auth.anonymousPublish means nothing without auth.anonymous: true',
      },
      {
        rule: '!self.anonymous || (!has(self.issuer) && !has(self.audience))',
        message: 'auth.issuer and auth.audience mean nothing with auth.anonymous: true',
      },
    ],
  });
