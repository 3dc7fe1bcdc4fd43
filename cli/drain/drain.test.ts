import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { StandInDesk } from '../testing/stand-in-desk.ts';

const REQUESTED = 'wscluster.io/drain-requested';
const SINCE = '2026-01-01T00:00:00Z';
const SEE = 'See: kubectl wscluster status chat';
const done = (out: string) => ({ code: 0, out, errors: '' });
const refused = (line: string) => ({ code: 1, out: '', errors: `error: ${line}\n` });

let desk: StandInDesk;
beforeEach(() => {
  desk = new StandInDesk();
  desk.cluster('chat', { readyReplicas: 3 });
  for (const name of ['chat-a', 'chat-b', 'chat-c']) desk.gateway(name, { connections: 400 });
});
const requested = (name = 'chat-a') => desk.pod(name)?.metadata.annotations?.[REQUESTED];
/** As it was a minute ago. */
const asked = { annotations: { [REQUESTED]: SINCE } };

const BEGUN =
  'chat-a is to be emptied, replaced and removed: its clients go to the other gateways of chat. ';

describe('drain', () => {
  test('asks for it by an annotation of that very pod', async () => {
    assert.deepEqual(await desk.run('drain pod/chat-a'), done(`${BEGUN}${SEE}\n`));
    assert.equal(requested(), SINCE);
    const write = desk.api.calls.find(({ method }) => method === 'PATCH');
    const { uid } = desk.pod('chat-a')?.metadata ?? {};
    const body = { metadata: { uid, annotations: { [REQUESTED]: SINCE } } };
    assert.deepEqual([write?.patch, write?.body], ['merge-patch+json', body]);
  });

  test('of a gateway that does not answer asks for it all the same', async () => {
    desk.silence('chat-a');
    assert.equal((await desk.run('drain chat-a')).code, 0);
    assert.equal(requested(), SINCE);
  });

  test('of a pod that is not there names one that is', async () => {
    const where = 'there is no pod chat-x in the namespace rooms';
    assert.deepEqual(await desk.run('drain chat-x'), refused(`${where}; did you mean chat-a?`));
    const other = 'there is no pod something in the namespace rooms';
    const there = 'there are chat-a, chat-b, chat-c';
    assert.deepEqual(await desk.run('drain something'), refused(`${other}; ${there}`));
  });

  test('of a pod that is no gateway names those that are', async () => {
    desk.plainPod('web');
    const why = 'pod web is no gateway of a WsCluster: it has no label wscluster.io/cluster';
    const there = 'gateways in rooms: chat-a, chat-b, chat-c';
    assert.deepEqual(await desk.run('drain web'), refused(`${why}; ${there}`));
    assert.equal(requested('web'), undefined);
  });

  test('of one that is emptied already says why and how far it is', async () => {
    desk.gateway('chat-a', { why: 'ScaleDown', connections: 340 });
    const why = 'chat-a is being emptied already, as fewer gateways are wanted';
    const far = 'emptying, 340 clients left, over in 4 min at the latest';
    assert.deepEqual(await desk.run('drain chat-a'), refused(`${why}: ${far}`));
    desk.gateway('chat-b', asked);
    const twice = 'chat-b is to be emptied already, as somebody asked for it';
    const turn = 'waiting for its turn, 0 clients left';
    assert.deepEqual(await desk.run('drain chat-b'), refused(`${twice}: ${turn}`));
    desk.gateway('chat-c', { deletionTimestamp: '2026-01-01T00:01:00Z', connections: 7 });
    const gone = 'chat-c is being emptied already, as its pod is being deleted';
    const ending = 'ending, 7 clients left, over in 1 min at the latest';
    assert.deepEqual(await desk.run('drain chat-c'), refused(`${gone}: ${ending}`));
  });

  test('of one that has ended is refused', async () => {
    desk.gateway('chat-a', { status: { phase: 'Failed' } });
    const why = 'chat-a has ended, and has no clients: there is nothing to empty';
    assert.deepEqual(await desk.run('drain chat-a'), refused(why));
  });
});

describe('drain --wait', () => {
  /** A terminal's lines; each is written over by the next. */
  const lines = () =>
    desk.out
      .replaceAll('\r\x1b[K', '\n')
      .split('\n')
      .filter((line) => line !== '');
  const begun = (name = 'chat-a') =>
    desk.gateway(name, { why: 'Requested', connections: 90, ...asked });

  test('says how far it is until the pod is replaced', async () => {
    desk.isTTY = true;
    const running = desk.run('drain chat-a --wait');
    await desk.clock.advance(0);
    begun();
    await desk.clock.advance(2_000);
    desk.gateway('chat-a', { ...asked, deletionTimestamp: '2026-01-01T00:00:30Z' });
    await desk.clock.advance(2_000);
    desk.remove('chat-a');
    desk.cluster('chat', { readyReplicas: 2 });
    await desk.clock.advance(2_000);
    desk.cluster('chat', { readyReplicas: 3 });
    await desk.clock.advance(2_000);
    assert.equal((await running).code, 0);
    assert.deepEqual(lines(), [
      `${BEGUN}${SEE}`,
      'chat-a: waiting for its turn, 400 clients left',
      'chat-a: emptying, 90 clients left, over in 3 min 58 s at the latest',
      'chat-a: ending, 0 clients left, over in 26 s at the latest',
      'chat-a: gone, and another one is to come: 2 of 3 gateways ready',
      'chat-a is replaced after 8 s: 3 of 3 gateways ready',
    ]);
  });

  test('takes another pod of its name for another', async () => {
    const running = desk.run('drain chat-a --wait');
    await desk.clock.advance(0);
    desk.remove('chat-a');
    desk.gateway('chat-a');
    await desk.clock.advance(2_000);
    assert.match((await running).out, /^chat-a is replaced after 2 s: 3 of 3 gateways ready$/m);
  });

  test('into a file writes a line for each state, and one in ten seconds', async () => {
    const running = desk.run('drain chat-a --wait');
    await desk.clock.advance(0);
    begun();
    await desk.clock.advance(24_000);
    desk.remove('chat-a');
    await desk.clock.advance(2_000);
    const { out } = await running;
    assert.equal(out.match(/^chat-a: /gm)?.length, 4);
  });

  test('ends when somebody calls it back', async () => {
    const running = desk.run('drain chat-a --wait');
    await desk.clock.advance(0);
    desk.gateway('chat-a');
    await desk.clock.advance(2_000);
    const { code, errors } = await running;
    assert.deepEqual([code, errors], [1, 'error: chat-a stays: somebody called it back\n']);
  });

  test('ends when its time is over, and says that the drain goes on', async () => {
    const running = desk.run('drain chat-a --wait --timeout 5');
    await desk.clock.advance(6_000);
    const { code, errors } = await running;
    const far = 'waiting for its turn, 400 clients left';
    const late = `error: chat-a is not replaced after 5 s: ${far}; it goes on all the same\n`;
    assert.deepEqual([code, errors], [1, late]);
  });

  test('goes on while the API server does not answer', async () => {
    const running = desk.run('drain chat-a --wait');
    await desk.clock.advance(0);
    desk.api.fault = () => desk.refused(503, 'it starts');
    await desk.clock.advance(10_000);
    desk.api.fault = () => undefined;
    desk.remove('chat-a');
    await desk.clock.advance(2_000);
    const { code, out } = await running;
    assert.equal(code, 0);
    assert.match(out, /^chat-a: it starts$/m);
  });
});

describe('cancel-drain', () => {
  test('takes the annotation away', async () => {
    desk.gateway('chat-a', { why: 'Requested', ...asked });
    const stays = 'chat-a stays, with the clients that it still has';
    assert.deepEqual(await desk.run('cancel-drain chat-a'), done(`${stays}. ${SEE}\n`));
    assert.equal(requested(), undefined);
  });

  test('of one that goes for another reason as well says so', async () => {
    desk.gateway('chat-a', { why: 'Rollout', ...asked });
    const on = 'it goes on being emptied, as one of the new revision takes its place';
    const said = `chat-a is not asked to go any more; ${on}\n`;
    assert.deepEqual(await desk.run('cancel-drain chat-a'), done(said));
  });

  const instead = {
    ScaleDown:
      'as fewer gateways are wanted, not because somebody asked for it: kubectl scale wsc chat ' +
      '--replicas=N with more calls it back',
    Rollout:
      'as one of the new revision takes its place, not because somebody asked for it: kubectl ' +
      'wscluster pause chat stops the rollout, kubectl wscluster abort chat undoes it',
  };
  for (const [why, message] of Object.entries(instead)) {
    test(`of one that is emptied by ${why}, not by the annotation, says what to do`, async () => {
      desk.gateway('chat-a', { why });
      const line = `chat-a is being emptied, ${message}`;
      assert.deepEqual(await desk.run('cancel-drain chat-a'), refused(line));
    });
  }

  test('of one whose annotation was just taken away says what comes', async () => {
    desk.gateway('chat-a', { why: 'Requested' });
    const back = 'chat-a is not asked to go any more: the operator is about to call it back';
    assert.deepEqual(await desk.run('cancel-drain chat-a'), refused(back));
  });

  test('of one that was told at its admin port says who can call it off', async () => {
    const edge = { connections: 3, sessions: 3, drain: 'leaving', drainRemainingMs: 5_000 };
    desk.gateway('chat-a', { admin: () => ({ pod: 'chat-a', started: true, edge }) });
    const why = 'as it was told to by a signal or at its admin port';
    const not = 'not because somebody asked for it: whoever told it so has to call it off';
    const line = `chat-a is being emptied, ${why}, ${not}`;
    assert.deepEqual(await desk.run('cancel-drain chat-a'), refused(line));
  });

  test('of one that stays, ends or is gone is refused', async () => {
    const idle = 'chat-a is not being emptied: there is nothing to call off';
    assert.deepEqual(await desk.run('cancel-drain chat-a'), refused(idle));
    desk.gateway('chat-b', { ...asked, deletionTimestamp: SINCE });
    const ends = 'chat-b is being deleted, which cannot be called off: another one comes';
    assert.deepEqual(await desk.run('cancel-drain chat-b'), refused(ends));
    desk.remove('chat-c');
    const gone = 'there is no pod chat-c in the namespace rooms; did you mean chat-a?';
    assert.deepEqual(await desk.run('cancel-drain chat-c'), refused(gone));
  });
});
