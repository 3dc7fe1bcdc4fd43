import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { Complaint } from './complaint.ts';
import { StandInDesk } from './testing/stand-in-desk.ts';

const revision = { name: 'new', image: 'gateway', templateVersion: 1 };
const rolling = { revision, stableRevision: 'old' };
const SEE = 'See: kubectl wscluster status chat\n';
const done = (out: string) => ({ code: 0, out, errors: '' });
const refused = (line: string) => ({ code: 1, out: '', errors: `error: ${line}\n` });

let desk: StandInDesk;
beforeEach(() => {
  desk = new StandInDesk();
});
/** What was written. */
const patches = () =>
  desk.api.calls
    .filter(({ method }) => method !== 'GET')
    .map(({ method, patch, body }) => ({
      ...{ method, patch, body },
    }));
const uid = () => desk.read('chat').metadata.uid;

describe('pause and resume', () => {
  test('pause sets spec.rollout.paused, and says how to go on', async () => {
    desk.cluster('chat');
    assert.deepEqual(
      await desk.run('pause chat'),
      done(
        `chat is paused: no rollout begins or goes on until kubectl wscluster resume chat. ${SEE}`,
      ),
    );
    assert.equal(desk.read('chat').spec.rollout.paused, true);
    const body = { metadata: { uid: uid() }, spec: { rollout: { paused: true } } };
    assert.deepEqual(patches(), [{ method: 'PATCH', patch: 'merge-patch+json', body }]);
  });

  test('twice, nothing changes the second time', async () => {
    desk.cluster('chat');
    const idle = `chat was not paused: nothing changed. ${SEE}`;
    assert.deepEqual(await desk.run('resume wsc/chat'), done(idle));
    await desk.run('pause chat');
    const again = `chat was paused before: nothing changed. ${SEE}`;
    assert.deepEqual(await desk.run('pause chat'), done(again));
    assert.equal(patches().length, 1);
  });

  test('resume says what the partition leaves', async () => {
    desk.cluster('chat', {}, { spec: { rollout: { paused: true, partition: '50%' } } });
    const on = 'chat is not paused any more: its rollout goes on';
    assert.deepEqual(
      await desk.run('resume chat'),
      done(`${on}, but for the 2 that spec.rollout.partition leaves. ${SEE}`),
    );
    assert.equal(desk.read('chat').spec.rollout.paused, false);
  });

  test('commands that are shown name the namespace that was said', async () => {
    desk.cluster('chat');
    const { out } = await desk.run('pause chat -n rooms --context there');
    assert.match(out, /kubectl wscluster resume chat -n rooms --context there\. See/);
  });
});

describe('promote', () => {
  test('takes partition and pause away', async () => {
    desk.cluster('chat', {}, { spec: { rollout: { paused: true, partition: 2 } } });
    const says = 'chat is promoted: all its gateways get the newest revision';
    assert.deepEqual(await desk.run('promote chat'), done(`${says}. ${SEE}`));
    const { paused, partition } = desk.read('chat').spec.rollout;
    assert.deepEqual([paused, partition], [false, 0]);
  });

  test('where nothing holds it back says so', async () => {
    desk.cluster('chat');
    const says = 'nothing holds the rollout of chat back: nothing changed';
    assert.deepEqual(await desk.run('promote chat'), done(`${says}. ${SEE}`));
    assert.deepEqual(patches(), []);
  });
});

describe('abort', () => {
  const annotated = () => desk.read('chat').metadata.annotations?.['wscluster.io/aborted-revision'];

  test('names the revision that is not to be', async () => {
    desk.cluster('chat', rolling);
    const says =
      'the rollout of new is aborted: gateways go back to old, until the spec is another';
    assert.deepEqual(await desk.run('abort chat'), done(`${says} one. ${SEE}`));
    assert.equal(annotated(), 'new');
    const again = 'the rollout of new was aborted before: nothing changed';
    assert.deepEqual(await desk.run('abort chat'), done(`${again}. ${SEE}`));
  });

  test('of one that is paused says that nothing goes back yet', async () => {
    desk.cluster('chat', rolling, { spec: { rollout: { paused: true } } });
    const { out } = await desk.run('abort chat');
    assert.match(out, /back to old, when kubectl wscluster resume chat lets them, until/);
  });

  test('is refused where there is no rollout', async () => {
    desk.cluster('chat', { revision, stableRevision: 'new' });
    const why = 'chat has no rollout to abort: all gateways have revision new';
    assert.deepEqual(await desk.run('abort chat'), refused(why));
    desk.cluster('chat', { revision });
    assert.deepEqual(
      await desk.run('abort chat'),
      refused(
        'chat has no revision to go back to: all gateways never had the same one; change its ' +
          'spec instead',
      ),
    );
    assert.equal(annotated(), undefined);
  });

  test('is refused while the operator has not seen the change that is meant', async () => {
    desk.cluster('chat', rolling, { generation: 2 });
    const why = 'the operator has not looked at chat since it changed: try it again';
    assert.deepEqual(await desk.run('abort chat'), refused(why));
  });
});

describe('restart', () => {
  test('says the time in an annotation', async () => {
    desk.cluster('chat');
    const says = 'all gateways of chat are replaced, as in a rollout';
    assert.deepEqual(await desk.run('restart chat'), done(`${says}. ${SEE}`));
    const { annotations = {} } = desk.read('chat').metadata;
    assert.equal(annotations['wscluster.io/restarted-at'], '2026-01-01T00:00:00Z');
  });

  test('of one that is paused says when it begins', async () => {
    desk.cluster('chat', {}, { spec: { rollout: { paused: true } } });
    const { out } = await desk.run('restart chat');
    assert.match(out, /as in a rollout, when kubectl wscluster resume chat lets it\. See/);
  });
});

describe('a command that cannot be', () => {
  test('of a WsCluster that is not there names those that are', async () => {
    assert.deepEqual(
      await desk.run('pause chat'),
      refused(
        'there is no WsCluster chat in the namespace rooms, nor any other: is it the right -n?',
      ),
    );
    desk.cluster('chat');
    desk.cluster('feed');
    const there = 'in the namespace rooms';
    assert.deepEqual(
      await desk.run('pause cat'),
      refused(`there is no WsCluster cat ${there}; did you mean chat?`),
    );
    assert.deepEqual(
      await desk.run('pause something'),
      refused(`there is no WsCluster something ${there}; there are chat, feed`),
    );
  });

  test('about what no object is called is a misuse', async () => {
    const names = 'they have a-z 0-9 - .';
    const errors = `error: "Chat_1" is no name of a WsCluster: ${names}\n`;
    assert.deepEqual(await desk.run('pause Chat_1'), { code: 2, out: '', errors });
    const where = `error: "a_b" is no name of a namespace: ${names}\n`;
    assert.deepEqual(await desk.run('status -n a_b'), { code: 2, out: '', errors: where });
  });

  test('without a usable kubeconfig says why', async () => {
    desk.refusal = new Complaint('there is no kubeconfig');
    assert.deepEqual(await desk.run('pause chat'), refused('there is no kubeconfig'));
  });

  test('says what the API server said, and what that needs', async () => {
    desk.cluster('chat');
    const is = (message: string, code: number) => {
      desk.api.fault = (asked) =>
        'method' in asked && asked.method === 'PATCH' ? desk.refused(code, message) : undefined;
    };
    is('wsclusters "chat" is forbidden: User "me" cannot patch', 403);
    const rights = 'docs/kubectl.md says which rights it needs';
    assert.deepEqual(
      await desk.run('pause chat'),
      refused(`wsclusters "chat" is forbidden: User "me" cannot patch: ${rights}`),
    );
    is('the UID in the precondition', 409);
    const meanwhile = 'somebody else changed it meanwhile: look again';
    assert.deepEqual(
      await desk.run('pause chat'),
      refused(`${meanwhile} (the UID in the precondition)`),
    );
    is('no', 401);
    const who = 'the API server does not know who this is: log in anew, or say another --context';
    assert.deepEqual(await desk.run('pause chat'), refused(who));
    is('admission webhook "x" denied\nthe request', 422);
    const denied = 'admission webhook "x" denied the request';
    assert.deepEqual(await desk.run('pause chat'), refused(denied));
  });
});
