import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { WsCluster } from '../operator/api/wscluster.ts';
import { KubeError } from '../operator/kube/kube-error.ts';
import { PORTS } from '../operator/reconcile/desired/names.ts';
import type { GatewayView } from '../operator/reconcile/gateways.ts';
import { type Command, type Desk, say } from './command.ts';
import { Complaint, Misuse } from './complaint.ts';
import { reasonOf } from './explained.ts';
import { proxyPath, unasked } from './gateways.ts';
import { clusterOf, clustersOf, nameIn, podsOf } from './lookup.ts';
import { table } from './table.ts';
import { count, duration, listed } from './words.ts';

export const where: Command = {
  name: 'where',
  operand: 'USER',
  needsOperand: true,
  options: ['cluster', 'api-key-file'],
  summary: 'where a user is connected, and how its last connection ended',
  run: find,
};

/** Characters of a user's name, as tokens may have it. */
const USER_LENGTH = 256;
/** Gateways that are asked before it is given up. */
const ATTEMPTS = 3;
/** A gateway waits two seconds for the others. */
const DEADLINE_MS = 8_000;
const KEY_VARIABLE = 'WSCLUSTER_API_KEY';

const answerShape = z.object({
  total: z.int().nonnegative(),
  connections: z.array(
    z.object({ pod: z.string(), session: z.string().optional(), since: z.number() }),
  ),
  ended: z
    .object({ pod: z.string(), code: z.int(), at: z.number(), reason: z.string().optional() })
    .optional(),
  missing: z.array(z.string()),
});
type Answer = z.infer<typeof answerShape>;

async function find(desk: Desk, user: string): Promise<void> {
  checkUser(user);
  const key = await apiKey(desk);
  const cluster = await chosen(desk);
  const answer = await ask(desk, { cluster, user, key });
  show(desk, { user, answer });
  if (answer.missing.length === 0) return;
  const silent = listed(answer.missing);
  throw new Complaint(`not all were heard: ${silent} did not answer. Ask again`);
}

function checkUser(user: string): void {
  if (user === '' || user.length > USER_LENGTH || !user.isWellFormed()) {
    throw new Misuse(`a user has 1 to ${USER_LENGTH} characters`);
  }
  if (!user.includes('/') && user !== '.' && user !== '..') return;
  const why = `the API server does not pass on ${JSON.stringify(user)}, which would be a path`;
  throw new Complaint(`${why}: ask a gateway, GET /v1/users/${encodeURIComponent(user)}`);
}

async function apiKey({ options, env }: Desk): Promise<string | undefined> {
  const { apiKeyFile: file } = options;
  const given = file === undefined ? env[KEY_VARIABLE] : await readKey(file);
  const key = given?.trim() ?? '';
  const from = file === undefined ? KEY_VARIABLE : `--api-key-file ${file}`;
  if (key === '' && file === undefined) return undefined;
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new Complaint(`${from}: needs one API key, without spaces, and nothing else`);
}

function readKey(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new Complaint(`--api-key-file ${file} cannot be read: ${why}`);
  });
}

/** The one that was named, or the only one. */
async function chosen(desk: Desk): Promise<WsCluster> {
  const { options, namespace } = desk;
  if (options.cluster !== undefined) return clusterOf(desk, nameIn(options.cluster, 'WsCluster'));
  const all = await clustersOf(desk);
  const [only] = all;
  if (only === undefined) {
    throw new Complaint(`there is no WsCluster in the namespace ${namespace}: is it the right -n?`);
  }
  if (all.length === 1) return only;
  const names = listed(all.map(({ metadata }) => metadata.name));
  throw new Complaint(`which of ${names}? --cluster NAME`);
}

interface Asking {
  readonly cluster: WsCluster;
  readonly user: string;
  readonly key: string | undefined;
}

/** One gateway asks all the others; of those that cannot be reached the next one is asked. */
async function ask(desk: Desk, { cluster, user, key }: Asking): Promise<Answer> {
  const candidates = unasked(desk, await podsOf(desk, cluster))
    .filter(({ up }) => up)
    .toSorted((a, b) => rank(a) - rank(b))
    .slice(0, ATTEMPTS);
  const failures: string[] = [];
  for (const { name: pod } of candidates) {
    try {
      const headers = key === undefined ? {} : { 'x-api-key': key };
      return await askOne(desk, { pod, user, headers });
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      if (isFinal(error)) throw refused(error, { pod, isKnown: key !== undefined });
      failures.push(`${pod}: ${saidBy(error) ?? reasonOf(error)}`);
    }
  }
  const { name } = cluster.metadata;
  if (failures.length === 0)
    throw new Complaint(`no gateway of ${name} runs: there is none to ask`);
  throw new Complaint(`no gateway of ${name} could be asked: ${failures.join('; ')}`);
}

/** Those that stay, and serve, first. */
const rank = ({ phase, ready, requested }: GatewayView): number =>
  (phase === 'running' ? 0 : 2) + (ready && !requested ? 0 : 1);

async function askOne(
  { api, namespace }: Desk,
  { pod, user, headers }: { pod: string; user: string; headers: Record<string, string> },
): Promise<Answer> {
  const proxy = proxyPath({ namespace, name: pod }, PORTS.client);
  const path = `${proxy}/v1/users/${encodeURIComponent(user)}`;
  const call = { method: 'GET' as const, path, headers, deadlineMs: DEADLINE_MS };
  const read = answerShape.safeParse(await api.call(call));
  if (read.success) return read.data;
  throw new Complaint(`what ${pod} says cannot be read: is it of another version?`);
}

/** Another gateway, or the API server, would say the same. */
function isFinal(error: KubeError): boolean {
  const { status = 0 } = error;
  if (saidBy(error) !== undefined) return status < 500;
  return status === 401 || status === 403;
}

function refused(error: KubeError, { pod, isKnown }: { pod: string; isKnown: boolean }) {
  const said = saidBy(error);
  if (said === undefined) return error;
  const isAboutKey = error.status === 401 || error.status === 403;
  const give = `give one with --api-key-file or ${KEY_VARIABLE}`;
  if (isAboutKey && !isKnown) return new Complaint(`an API key is needed: ${give}`);
  return new Complaint(`${pod} refuses: ${said}`);
}

const refusal = z.object({ code: z.string(), message: z.string() });

/** A gateway's own words; undefined for another's. */
function saidBy({ answer }: KubeError): string | undefined {
  try {
    return refusal.parse(JSON.parse(answer ?? '')).message;
  } catch {
    return undefined;
  }
}

function show(desk: Desk, { user, answer }: { user: string; answer: Answer }): void {
  const { total, connections, ended } = answer;
  const ago = (at: number) => `${duration(desk.clock.wall() - at)} ago`;
  if (total === 0) say(desk, `${user} is not connected`);
  else {
    say(desk, `${user} has ${count(total, 'connection')}`);
    const columns = ['POD', 'SESSION', 'SINCE'].map((title) => ({ title }));
    const rows = connections.map(({ pod, session, since }) => [pod, session ?? '-', ago(since)]);
    for (const line of table(columns, rows)) say(desk, `  ${line}`);
    const more = total - connections.length;
    if (more > 0) say(desk, `  and ${more} more`);
  }
  if (ended === undefined) return;
  const { pod, code, at, reason } = ended;
  const why = reason === undefined ? `${code}` : `${code} ${reason}`;
  say(desk, `the last one that ended was at ${pod}, ${ago(at)}, with ${why}`);
}
