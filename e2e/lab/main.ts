// `npm run lab [-- up | status | down] [--nodes 3]`: a Kubernetes to play with, in the background.

import { constants } from 'node:os';
import { clear, componentsOf, type Summary, stateOf, summaryOf, sweep } from './instances.ts';
import { startLab } from './lab.ts';
import { DEFAULT_NAME, parseLabOptions } from './options.ts';
import { meetLabNeeds } from './requirements.ts';

const say = (line: string) => console.log(line);

async function main(): Promise<number> {
  const parsed = parseLabOptions(process.argv.slice(2));
  switch (parsed.kind) {
    case 'help':
      say(parsed.text);
      return 0;
    case 'wrong':
      console.error(parsed.message);
      return 2;
    case 'up':
      return up(parsed.name, parsed.nodes);
    case 'status':
      return status(parsed.name);
    case 'down':
      return down(parsed.name);
  }
}

async function up(name: string, nodes: number | undefined): Promise<number> {
  const state = stateOf(name);
  if (state === 'booting') {
    console.error('The lab is being started by another process; see: npm run lab -- status');
    return 1;
  }
  const dead = state === 'running' ? deadComponents(name) : [];
  if (dead.length > 0) {
    say(`Of the lab that was there, ${dead.join(', ')} ended: it is started anew.`);
    await clear(name);
  } else if (state === 'running') return tellAgain(name, await summaryOf(name), nodes);
  const lacking = await meetLabNeeds(say);
  for (const line of lacking) console.error(line);
  if (lacking.length > 0) return 1;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void abandon(name, signal));
  }
  await startLab({ nodes: nodes ?? 1, name, bound: false, say });
  tell(name, await summaryOf(name));
  return 0;
}

/** Half a lab is of no use to anybody. */
async function abandon(name: string, signal: NodeJS.Signals): Promise<void> {
  try {
    if (stateOf(name) === 'booting') await clear(name);
  } catch (error) {
    console.error(error);
  }
  process.exit(128 + constants.signals[signal]);
}

const deadComponents = (name: string): string[] =>
  componentsOf(name).flatMap((component) => (component.alive ? [] : [component.name]));

function tellAgain(name: string, summary: Summary, nodes: number | undefined): number {
  if (nodes !== undefined && nodes !== summary.nodes.length) {
    console.error(`The lab runs, with ${countOf(summary)}; first: npm run lab -- down`);
    return 1;
  }
  say('The lab runs already.');
  tell(name, summary);
  return 0;
}

function tell(name: string, summary: Summary): void {
  const down = ['npm run lab -- down', ...(name === DEFAULT_NAME ? [] : ['--name', name])];
  const { kubeconfig, programs, server } = summary;
  say(`
Kubernetes at ${server}, ${countOf(summary)}. To use it in this shell:

  export KUBECONFIG=${kubeconfig}
  export PATH=${programs}:$PATH
  kubectl get nodes

To end it:  ${down.join(' ')}`);
}

const countOf = ({ nodes }: Summary): string =>
  nodes.length === 1 ? '1 node' : `${nodes.length} nodes`;

async function status(name: string): Promise<number> {
  const state = stateOf(name);
  if (state !== 'running') {
    const left =
      state === 'dead' ? 'it ended without being taken down: npm run lab -- down' : state;
    say(state === 'absent' ? 'No lab runs.' : `The lab does not run: ${left}`);
    return 1;
  }
  for (const { name: component, pid, alive } of componentsOf(name)) {
    say(`${component.padEnd(28)} ${alive ? `process ${pid}` : 'does not run'}`);
  }
  tell(name, await summaryOf(name));
  return 0;
}

async function down(name: string): Promise<number> {
  const was = await clear(name);
  await sweep();
  say(was ? 'The lab is gone.' : 'No lab ran.');
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
