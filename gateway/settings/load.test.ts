import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { catalogue } from './catalogue.ts';
import { asksForHelp, loadSettings, settingsFrom } from './load.ts';
import { problemLine, SettingsError } from './problem.ts';

const SENTINELS = '--redis-sentinels a:1 --redis-sentinel-name m';

type Env = Record<string, string>;

const load = (line: string, env: Env = {}) =>
  loadSettings({ argv: line.split(' ').filter((word) => word !== ''), env });

function linesOf(attempt: () => unknown): string[] {
  try {
    attempt();
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.problems.map(problemLine);
  }
  return assert.fail('nothing was refused');
}

describe('settings', () => {
  it('has a value for everything when nothing is given', () => {
    const settings = load('');
    assert.equal(settings.port, 8001);
    assert.equal(settings.adminPort, 9001);
    assert.equal(settings.redis.url, undefined);
    assert.equal(settings.edge.heartbeatMs, 15_000);
    assert.deepEqual(settings.peers, []);
    assert.ok(settings.pod.endsWith('-8001'));
    assert.ok(settings.pod.startsWith(hostname().slice(0, 10)));
  });

  it('takes options, their short forms, lists and switches', () => {
    const line =
      '--redis redis://r:1 --port=8101 --peers a:1,b:2 --auth-anonymous --hub-linger-ms 0';
    const settings = load(line);
    assert.equal(settings.redis.url, 'redis://r:1');
    assert.equal(settings.port, 8101);
    assert.equal(settings.adminPort, 9101);
    assert.deepEqual(settings.peers, ['a:1', 'b:2']);
    assert.equal(settings.auth.anonymous, true);
    assert.equal(settings.hub.lingerMs, 0);
    assert.equal(load('--auth-anonymous false --port 1').auth.anonymous, false);
  });

  it('remembers ids for longer where heartbeats are rare', () => {
    const window = (line: string) => load(line).stream.idempotencyWindowS;
    assert.equal(window(''), 120);
    assert.equal(window('--stream-idempotency-window-s 200'), 200);
    const rare = '--edge-heartbeat-ms 60000';
    assert.equal(window(rare), 450, 'a sixth of it is a heartbeat and a quarter');
    assert.equal(window(`${rare} --stream-idempotency-window-s 30`), 450);
    const patient = `${rare} --edge-pong-timeout-ms 10500 --edge-missed-pings 10`;
    assert.equal(window(patient), 611, 'ten pings unanswered, and the time for the last answer');
  });

  it('takes variables, and options win over them', () => {
    const env = { WSCLUSTER_PORT: '7000', WSCLUSTER_REDIS_URL: 'rediss://r', PATH: '/bin' };
    assert.equal(load('', env).port, 7000);
    assert.equal(load('--port 7001', env).port, 7001);
    assert.equal(load('', env).redis.url, 'rediss://r');
  });

  it('takes an empty variable for none, and leaves those of the test suite alone', () => {
    const settings = load('', { WSCLUSTER_REDIS_URL: '', WSCLUSTER_TEST_NO_SKIPS: '1' });
    assert.equal(settings.redis.url, undefined);
  });

  it('keeps a given admin port, also beside a given port', () => {
    assert.equal(load('--admin-port 9001 --port 8500').adminPort, 9001);
    assert.equal(load('--port 0').adminPort, 0);
  });

  it('names the cluster after the prefix of its keys, and keeps a name that is given', () => {
    assert.equal(load('').ring.cluster, 'wscluster');
    assert.equal(load('--redis-key-prefix shop/chat_1.x').ring.cluster, 'shop-chat-1-x');
    const uid = '5f0c7a52-0b57-4d0c-8ea1-1f6c2c4a9d11';
    const long = load(`--redis-key-prefix ${'n'.repeat(40)}/${'m'.repeat(40)}/${uid}`).ring.cluster;
    assert.ok(long.length === 64 && long.endsWith(`-${uid}`), long);
    assert.equal(load('--ring-cluster other').ring.cluster, 'other');
  });

  it('finds the address of a pod, unless one is given or the port is not known yet', () => {
    const env = { POD_IP: '10.1.2.3' };
    assert.equal(load('', env).ring.address, '10.1.2.3:8001');
    assert.equal(load('--port 9', { POD_IP: 'fd00::7' }).ring.address, '[fd00::7]:9');
    assert.equal(load('--ring-address a:7', env).ring.address, 'a:7');
    assert.equal(load('--port 0', env).ring.address, undefined);
    assert.equal(load('', { POD_IP: 'somewhere' }).ring.address, undefined);
    assert.equal(load('').ring.address, undefined);
    for (const bad of ['a:70000', 'a:08001', 'a', 'ä:1']) {
      assert.deepEqual(
        linesOf(() => load(`--ring-address ${bad}`)),
        [`--ring-address: host:port, not ${JSON.stringify(bad)}`],
      );
    }
  });

  it('refuses a file of the ring for gateways that organise themselves', () => {
    const lines = linesOf(() => load('--ring-file ring.json'));
    assert.deepEqual(lines, ['ring.file: means nothing unless ring.source is given']);
    const { source, file } = load('--ring-file ring.json --ring-source given').ring;
    assert.deepEqual([source, file], ['given', 'ring.json']);
  });

  it('redirects whoever can be addressed, which is nobody until it says how', () => {
    const { placement, disruption } = load('');
    const proxy = { proxyTimeoutMs: 1_000, proxyConnections: 15_000 };
    assert.deepEqual(placement, { mode: 'Redirect', key: 'sub', podEndpoint: 'none', ...proxy });
    assert.equal(disruption.movesPerSecond, 200);
    const line = '--placement-key claim:https://x.example/room --placement-pod-endpoint address';
    assert.equal(load(line).placement.key, 'claim:https://x.example/room');
  });

  it('is frozen, sections and lists included', () => {
    const settings = load('--peers a:1');
    for (const part of [settings, settings.redis, settings.edge, settings.peers]) {
      assert.ok(Object.isFrozen(part));
    }
  });

  it('takes an object from another program', () => {
    const settings = settingsFrom({ port: 0, pod: 'one', edge: { heartbeatMs: 20_000 } });
    assert.equal(settings.edge.heartbeatMs, 20_000);
    assert.equal(settings.pod, 'one');
    assert.deepEqual(
      linesOf(() => settingsFrom({ port: -1 })),
      ['port: a whole number from 0 to 65535, not "-1"'],
    );
  });

  it('knows when somebody asks for help', () => {
    assert.equal(asksForHelp(['--port', '1', '--help']), true);
    assert.equal(asksForHelp(['-h']), true);
    assert.equal(asksForHelp(['--port', '1']), false);
  });
});

/** The line, the variables, and the one complaint. */
const refusals: readonly (readonly [string, Env, RegExp])[] = [
  ['--port 70000', {}, /^--port: a whole number from 0 to 65535, not "70000"$/],
  ['--port abc', {}, /^--port: .*, not "abc"$/],
  ['--port 80.5', {}, /^--port: .*, not "80\.5"$/],
  ['--port=', {}, /^--port: .*, not ""$/],
  ['--port', {}, /^--port: needs a whole number from 0 to 65535$/],
  ['--port 1 --port 2', {}, /^--port: may be given only once$/],
  ['--redis redis://a --redis-url redis://b', {}, /^--redis-url: may be given only once$/],
  ['', { WSCLUSTER_PORT: '-1' }, /^WSCLUSTER_PORT: .*, not "-1"$/],
  ['', { WSCLUSTER_PORT: 'tcp://10.0.0.1:80' }, /^WSCLUSTER_PORT: .*enableServiceLinks/],
  ['', { WSCLUSTER_REDIS_URI: 'x' }, /^WSCLUSTER_REDIS_URI: .*did you mean WSCLUSTER_REDIS_URL\?/],
  ['--prot 1', {}, /^--prot: there is no such option; did you mean --port\?$/],
  ['--zzzzzzzzzz', {}, /^--zzzzzzzzzz: there is no such option; see --help$/],
  ['stray', {}, /^"stray": is not an option/],
  ['--log-level loud', {}, /^--log-level: one of debug, info, warn, error, silent, not "loud"$/],
  ['--auth-anonymous=yes', {}, /^--auth-anonymous: true or false, not "yes"$/],
  ['--peers a:1,b', {}, /^--peers: at most 64, separated by commas, each host:port, not "a:1,b"$/],
  ['--auth-allowed-origins app.example.com', {}, /^--auth-allowed-origins: .*https:\/\//],
  ['--auth-jwks-url ftp://x', {}, /^--auth-jwks-url: https:/],
  ['--auth-jwks-url https://[', {}, /^--auth-jwks-url: https:/],
  ['--edge-frame-bytes 16383', {}, /^--edge-frame-bytes: a whole number from 16384 /],
  ['--edge-pong-timeout-ms 15000', {}, /^edge\.pongTimeoutMs: must be below edge\.heartbeatMs/],
  ['--edge-drain-grace-ms 100 --edge-drain-deadline-ms 100', {}, /^edge\.drainGraceMs: must be b/],
  ['--stream-wait-timeout-ms 5000', {}, /^stream\.waitTimeoutMs: must be below/],
  ['--stream-settle-ms 2000', {}, /^redis\.reconnectMaxMs: must be below stream\.settleMs/],
  ['--stream-probe-interval-ms 3000', {}, /^stream\.probeIntervalMs: must be below redis\.socket/],
  ['--placement-mode Relay', {}, /^--placement-mode: one of Redirect, Proxy, Any, not "Relay"$/],
  ['--placement-key claim:', {}, /^--placement-key: sub, claim:<name>, .*, not "claim:"$/],
  ['--placement-key cookie:a', {}, /^--placement-key: /],
  ['--placement-key header:a:b', {}, /^--placement-key: /],
  ['--placement-pod-endpoint wss://one.example.com/ws', {}, /^--placement-pod-endpoint: none, add/],
  ['--disruption-moves-per-second 0', {}, /^--disruption-moves-per-second: a whole number from 1 /],
  ['--auth-jwks-stale-s 60', {}, /^auth\.jwksMaxAgeS: must not be above auth\.jwksStaleS/],
  ['--edge-max-topics 2001', {}, /^edge\.sessionTopics: must not be below edge\.maxTopics/],
  ['--hub-recent-bytes 5', {}, /^hub\.recentTopicBytes: must not be above hub\.recentBytes/],
  ['--port 8001 --admin-port 8001', {}, /^adminPort: must differ from port, which is 8001, not/],
  ['--port 65000', {}, /^adminPort: port \+ 1000 is above 65535/],
  ['--redis redis://a --redis-url-file f', {}, /^redis\.url: only one of/],
  ['--auth-keys {} --auth-keys-file f', {}, /^auth\.keys: only one of/],
  ['--auth-jwks-url https://x --auth-keys-file f', {}, /^auth\.keys: only one of/],
  ['--redis-sentinels a:1', {}, /^redis\.sentinelName: .*together/],
  ['--redis-sentinel-name m', {}, /^redis\.sentinelName: .*together/],
  ['--redis-sentinel-password p', {}, /^redis\.sentinels: needed where/],
  ['--redis-sentinel-tls', {}, /^redis\.sentinels: needed where/],
  [`${SENTINELS} --redis-sentinel-user u`, {}, /^redis\.sentinelUser: needs redis\.sentinelPass/],
  [
    `${SENTINELS} --redis-sentinel-password p --redis-sentinel-password-file f`,
    {},
    /^redis\.sentinelPassword: only one of/,
  ],
  ['--auth-anonymous-publish', {}, /^auth\.anonymousPublish: means nothing without/],
  ['--auth-anonymous maybe', {}, /^--auth-anonymous: true or false, not "maybe"$/],
  ['--peers a:1,h:99999', {}, /^--peers: .*each host:port, not "a:1,h:99999"$/],
  ['--peers h:0', {}, /^--peers: /],
  ['--redis redis://h/abc', {}, /^--redis: .*, not \(hidden\): its database is not a whole/],
  ['--redis redis://h:99999?a=1', {}, /\(hidden\): its port is not 1 to 65535; it has a query/],
  ['', { WSCLUSTER_REDIS_URL: 'redis://:%zz@h' }, /^WSCLUSTER_REDIS_URL: .*its password has/],
];

describe('wrong settings', () => {
  for (const [line, env, expected] of refusals) {
    it(`refuses ${line || Object.entries(env).join(' ')}`, () => {
      const lines = linesOf(() => load(line, env));
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.match(lines[0] ?? '', expected);
    });
  }

  it('reports everything at once', () => {
    const lines = linesOf(() =>
      load('--port x --nonsense 1 --edge-heartbeat-ms 5', {
        WSCLUSTER_HUB_LINGER_MS: 'soon',
        WSCLUSTER_NOTHING_LIKE_IT: '1',
      }),
    );
    assert.equal(lines.length, 5, lines.join('\n'));
  });

  it('reports what is wrong together beside what is wrong by itself', () => {
    const lines = linesOf(() =>
      load(
        '--log-level x --port 7 --admin-port 7 --edge-heartbeat-ms x --edge-pong-timeout-ms 99999',
      ),
    );
    assert.deepEqual(
      lines.map((line) => line.split(':')[0]),
      // Whether the pong's time is below a heartbeat that is none cannot be said.
      ['--log-level', '--edge-heartbeat-ms', 'adminPort'],
    );
  });

  it('never shows a secret', () => {
    assert.doesNotMatch(linesOf(() => load('--redis-sentinel-password canary')).join(), /canary/);
    for (const line of ['--redis canary', '--redis-url=canary']) {
      const lines = linesOf(() => load(line));
      assert.match(lines[0] ?? '', /\(hidden\)/);
      assert.doesNotMatch(lines.join(), /canary/);
    }
    const fromEnvironment = linesOf(() => load('', { WSCLUSTER_REDIS_URL: 'canary' }));
    assert.doesNotMatch(fromEnvironment.join(), /canary/);
    const fromObject = linesOf(() => settingsFrom({ redis: { url: 'canary' } }));
    assert.doesNotMatch(fromObject.join(), /canary/);
  });

  it('refuses a value out of bounds for every number, by name', () => {
    const numbers = catalogue.filter(({ kind }) => kind === 'integer');
    assert.ok(numbers.length > 40);
    for (const field of numbers) {
      const lines = linesOf(() => load(`${field.option} 99999999999999`));
      assert.ok(lines.length === 1 && lines[0]?.startsWith(`${field.option}: `), lines.join());
    }
  });

  it('shows a long value cut and control characters escaped', () => {
    const lines = linesOf(() => load('', { WSCLUSTER_PORT: `\u001b[31m${'x'.repeat(5_000)}` }));
    assert.ok((lines[0] ?? '').length < 200);
    assert.match(lines[0] ?? '', /\\u001b/);
  });

  it('are settings or a SettingsError, whatever is given', () => {
    const names = catalogue.flatMap(({ option, variable }) => [option, variable]);
    const word = fc.oneof(
      fc.constantFrom(...names, '--', '-', '=', ''),
      fc.string(),
      fc.integer().map(String),
    );
    const env = fc.dictionary(fc.constantFrom(...names), fc.string());
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), env, (argv, variables) => {
        try {
          assert.ok(Object.isFrozen(loadSettings({ argv, env: variables })));
        } catch (error) {
          assert.ok(error instanceof SettingsError, String(error));
          assert.ok(error.problems.length > 0 && error.message.length < 20_000);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
