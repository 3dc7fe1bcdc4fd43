import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from '../../e2e/lab/artefacts.ts';
import { attempt } from '../../e2e/lab/command.ts';
import { ownProgram } from '../../e2e/lab/programs.ts';
import type { PeerProgram } from './peer.ts';

const CENTRIFUGE = 'v0.40.1';
/** Those with which a gateway is measured. */
const NODE = [process.execPath, '--expose-gc', '--max-semi-space-size=4'];

const here = (...path: string[]) => join(import.meta.dirname, ...path);

/** Those that this machine can run; says which it cannot, and why. */
export async function programs(say: (line: string) => void): Promise<PeerProgram[]> {
  const inNode: PeerProgram[] = [
    {
      name: `ws ${versionOf('ws')}, a loop`,
      command: [...NODE, here('ws-main.ts')],
      ...{ dialect: 'ws', path: '/' },
    },
    {
      name: `Socket.IO ${versionOf('socket.io')}`,
      command: [...NODE, here('socket-io-main.ts')],
      ...{ dialect: 'socket.io', path: '/socket.io/?EIO=4&transport=websocket' },
    },
  ];
  const centrifuge = await centrifugeProgram(say);
  return centrifuge === undefined ? inNode : [...inNode, centrifuge];
}

function versionOf(name: string): string {
  const path = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

async function centrifugeProgram(say: (line: string) => void): Promise<PeerProgram | undefined> {
  if ((await attempt('go', ['version'])).code !== 0) {
    say('centrifuge is not measured: there is no Go');
    return undefined;
  }
  const program = ownProgram({
    ...{ name: 'centrifuge', version: CENTRIFUGE, folder: here('centrifuge') },
    files: ['main.go', 'go.mod', 'go.sum'],
  });
  const built = await build(program, say);
  return {
    name: `centrifuge ${CENTRIFUGE.slice(1)} in Go`,
    command: [join(built, 'centrifuge')],
    ...{ dialect: 'centrifuge', path: '/connection/websocket' },
  };
}
