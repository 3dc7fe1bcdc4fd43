import { run } from '../lab/command.ts';

/** Forgets all history, now, through etcd's own door, in its network. `pid`: of etcd. */
export async function compact(pid: number | undefined): Promise<void> {
  const post = `const post = async (path, body) => {
    const sent = { method: 'POST', body: JSON.stringify(body) };
    const answer = await fetch('http://127.0.0.1:2379/v3/kv/' + path, sent);
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  };`;
  const script = `${post}
    const { header } = await post('range', { key: 'eA==' });
    await post('compaction', { revision: header.revision, physical: true });`;
  const node = [process.execPath, '--input-type=module', '-e', script];
  await run('nsenter', ['--target', String(pid), '--net', ...node], { deadlineMs: 20_000 });
}
