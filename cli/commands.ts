import type { Command } from './command.ts';
import { cancelDrain, drain } from './drain/drain.ts';
import { abort, pause, promote, restart, resume } from './rollout.ts';
import { status } from './status/status.ts';
import { where } from './where.ts';

export const commands: readonly Command[] = [
  ...[status, drain, cancelDrain],
  ...[pause, resume, promote, abort, restart],
  where,
];
