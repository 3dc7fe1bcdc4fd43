import assert from 'node:assert/strict';
import { it } from 'node:test';
import { plainHello } from './plain-hello.ts';

const topicsOf = (url: string) => plainHello(url)?.topics;
const problemsOf = (url: string) =>
  plainHello(url)?.problems.map(({ code, message }) => `${code} ${message}`);

it('reads what a plain client says in its URL', () => {
  assert.equal(plainHello('/ws'), undefined);
  assert.equal(plainHello('/ws?session=me'), undefined);
  assert.deepEqual(plainHello('/ws?topics=room.1,room.2&session=me'), {
    topics: ['room.1', 'room.2'],
    session: 'me',
    problems: [],
  });
  assert.deepEqual(topicsOf('/ws?topics=a%2Cb,c%20d,%E2%82%AC'), ['a,b', 'c d', '€']);
  assert.deepEqual(topicsOf('/ws?topics=a,,a&topics=b'), ['a', 'b']);
  assert.equal(plainHello('/ws?topics=a&session=%6De')?.session, 'me');
});

it('says what it did not understand, and reads the rest', () => {
  const topics = '/ws?topics=%zz,a,%ff&session=me';
  assert.deepEqual(topicsOf(topics), ['a']);
  assert.deepEqual(problemsOf(topics), [
    'bad_topic topics: "%zz" is not percent-encoded UTF-8',
    'bad_topic topics: "%ff" is not percent-encoded UTF-8',
  ]);
  for (const none of ['/ws?topics', '/ws?topics=', '/ws?topics=,']) {
    assert.deepEqual(topicsOf(none), []);
    assert.deepEqual(problemsOf(none), ['bad_request topics: none is named in the URL']);
  }
  for (const session of ['no/name', 'me%40home', '', '%zz', 'x'.repeat(65)]) {
    const hello = plainHello(`/ws?topics=a&session=${session}`);
    assert.equal(hello?.session, undefined);
    assert.match(hello?.problems[0]?.message ?? '', /^session: 1 to 64 of .* no cursors are kept$/);
    assert.equal(hello?.problems.length, 1);
  }
});

it('takes no more topics from a URL than from a command, and says how many it left out', () => {
  const url = `/ws?topics=${Array.from({ length: 1_500 }, (_, n) => n).join(',')},7`;
  assert.equal(topicsOf(url)?.length, 1_000);
  assert.deepEqual(problemsOf(url), [
    'too_many_topics topics: 1000 at most in a URL, 500 were left out',
  ]);
  const wrong = `/ws?topics=${'%zz,'.repeat(5_000)}`;
  assert.equal(problemsOf(wrong)?.length, 1_000);
});
