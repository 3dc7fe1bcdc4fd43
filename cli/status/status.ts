import { KubeError } from '../../operator/kube/kube-error.ts';
import { sleep } from '../../protocol/clock.ts';
import type { Command, Desk } from '../command.ts';
import { explained } from '../explained.ts';
import { clusterOf, clustersOf, nameIn } from '../lookup.ts';
import { factsOf } from './facts.ts';
import { overview } from './overview.ts';
import { whole } from './whole.ts';

export const status: Command = {
  name: 'status',
  operand: 'NAME',
  needsOperand: false,
  options: ['watch', 'timeout'],
  summary: 'all WsClusters of the namespace, or one whole',
  run: async (desk, operand) => {
    const name = operand === '' ? undefined : nameIn(operand, 'WsCluster');
    const text = async () => `${(await linesOf(desk, name)).join('\n')}\n`;
    if (desk.options.watch === true) await watch(desk, text);
    else desk.screen.write(await text());
  },
};

const EVERY_MS = 2_000;
const WATCHED_S = 3_600;

async function linesOf(desk: Desk, name: string | undefined): Promise<string[]> {
  const { style } = desk.screen;
  if (name === undefined) return overview(await clustersOf(desk), { ...desk, style });
  return whole(await factsOf(desk, await clusterOf(desk, name)), style);
}

/** Drawn anew again and again, also while nobody answers, until the time is over. */
async function watch(desk: Desk, text: () => Promise<string>): Promise<void> {
  const { clock, screen, options } = desk;
  const end = clock.now() + (options.timeoutS ?? WATCHED_S) * 1_000;
  for (let last = ''; ; ) {
    const drawn = await text().catch(unanswered);
    if (screen.canRedraw) screen.write(`\x1b[H\x1b[2J${drawn}`);
    else if (drawn !== last) screen.write(`${drawn}\n`);
    last = drawn;
    if (clock.now() + EVERY_MS > end) return;
    await sleep(clock, EVERY_MS);
  }
}

/** What passes is told, and looked at again; anything else ends it. */
function unanswered(error: unknown): string {
  if (error instanceof KubeError && error.verdict === 'retry') return `${explained(error)}\n`;
  throw error;
}
