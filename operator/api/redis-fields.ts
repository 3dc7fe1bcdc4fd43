import { z } from 'zod';
import { REDIS_URL_FORM } from '../../gateway/settings/redis-url.ts';
import { setting, settings, settingWithoutDefault } from './fields.ts';
import { objectName, secretKeyRef } from './kubernetes-fields.ts';

/** `spec.redis`: which Redis, as whom, and where in it. */

const sentinel = z
  .strictObject({
    addresses: settingWithoutDefault(settings.redis.sentinels, {
      description: '`host:port` of each Sentinel.',
      listType: 'set',
    }).min(1),
    masterName: settingWithoutDefault(settings.redis.sentinelName),
    username: setting(settings.redis.sentinelUser),
    passwordSecretRef: secretKeyRef('password', 'Password at the Sentinels.').optional(),
    tls: setting(settings.redis.sentinelTls, {
      description: 'Connections to the Sentinels are encrypted; to servers, with `rediss://`.',
    }),
  })
  .meta({
    description: 'Sentinels that know the master. The host of the URL is not used then.',
    rules: [
      {
        rule: '!has(self.username) || has(self.passwordSecretRef)',
        message: 'redis.sentinel.username needs redis.sentinel.passwordSecretRef',
      },
    ],
  });

export const redis = z
  .strictObject({
    urlSecretRef: secretKeyRef(
      'url',
      `Secret with the URL: ${REDIS_URL_FORM}. Gateways take a change of this and of ` +
        'the other Secrets within a minute or two, without a restart.',
    ),
    username: setting(settings.redis.user, {
      description: 'User at Redis (ACL), instead of the one in the URL.',
    }),
    passwordSecretRef: secretKeyRef(
      'password',
      'Secret with the password at Redis, instead of the one in the URL.',
    ).optional(),
    tls: z
      .strictObject({
        caSecretRef: secretKeyRef(
          'ca.crt',
          'Secret with the certificates (PEM) by which servers and Sentinels are trusted.',
        )
          .optional()
          .meta({ absent: 'those that Node trusts' }),
        certificateSecretRef: z
          .strictObject({
            name: objectName('Name of the Secret, in the namespace of the WsCluster.'),
          })
          .optional()
          .meta({
            description:
              'Secret of the type kubernetes.io/tls with the certificate that is shown to ' +
              'servers and Sentinels, and its key.',
            absent: 'none is shown',
            mapType: 'atomic',
          }),
      })
      .optional()
      .meta({
        description: 'How servers are recognised, and recognise gateways, over TLS.',
      }),
    sentinel: sentinel.optional(),
    keyPrefix: settingWithoutDefault(settings.redis.keyPrefix, {
      description:
        'Begins every key and channel; two clusters on one Redis need two. It cannot be changed: ' +
        'logs, sessions and positions stay under the old one. With one of your own, a WsCluster ' +
        'that is deleted and made again finds them.',
    })
      .optional()
      .meta({ absent: '`<namespace>/<name>/<uid>`' }),
    waitReplicas: setting(settings.redis.replicas),
  })
  .meta({
    description: 'The Redis that holds the logs.',
    rules: [
      {
        rule: '!has(self.username) || has(self.passwordSecretRef)',
        message: 'redis.username needs redis.passwordSecretRef',
      },
      {
        rule:
          'has(self.keyPrefix) == has(oldSelf.keyPrefix) && ' +
          '(!has(self.keyPrefix) || self.keyPrefix == oldSelf.keyPrefix)',
        message:
          'redis.keyPrefix cannot be changed, given or taken away: every log, session and ' +
          'position stays under the old one; make another WsCluster',
      },
    ],
  });
