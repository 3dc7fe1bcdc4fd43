import { pino } from 'pino';
import { systemClock } from '../protocol/clock.ts';
import { earlySigterm } from './early-signal.ts';
import { PortTaken } from './listen.ts';
import { loggedError } from './logged-error.ts';
import { silentLogger } from './logger.ts';
import type { Settings } from './settings/declaration.ts';
import { helpText } from './settings/help.ts';
import { asksForHelp, readSettings } from './settings/load.ts';
import { SettingsError } from './settings/problem.ts';

// One gateway as a process. Exit codes: 0 drained; 1 failed; 2 it was told something impossible.

/** A terminal signals the launcher and us, and the launcher passes it on: that is one signal. */
const SAME_SIGNAL_MS = 500;

const argv = process.argv.slice(2);
if (asksForHelp(argv)) process.stdout.write(helpText());
else await run(await settingsOrExit());

async function settingsOrExit(): Promise<Settings> {
  const { settings, problems } = readSettings({ argv, env: process.env });
  if (settings === undefined) return refuse(new SettingsError(problems));
  if (problems.length === 0) return settings;
  // What the right ones among them name may be wrong too: that is said now, not in a second round.
  const { wrongSecrets } = await import('./secrets.ts');
  const more = await wrongSecrets(settings, { clock: systemClock, logger: silentLogger });
  return refuse(new SettingsError([...problems, ...more]));
}

/** Says why, one line for each reason, without a stack when it is not our mistake. */
function refuse(error: unknown): never {
  const theirs = error instanceof SettingsError || error instanceof PortTaken;
  const known = theirs || (error instanceof Error && error.name === 'StreamError');
  process.stderr.write(`${known && error instanceof Error ? error.message : stackOf(error)}\n`);
  process.exit(theirs ? 2 : 1);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function run(settings: Settings): Promise<void> {
  const logger = pino({
    level: settings.logLevel,
    base: { pod: settings.pod },
    serializers: { error: loggedError, err: loggedError },
  });
  // Loaded late: a wrong option is answered without waiting for everything else.
  const { Gateway } = await import('./gateway.ts');
  const gateway = new Gateway(settings, { clock: systemClock, random: Math.random, logger });
  let leavingSince: number | undefined;
  const leave = (code: number) => {
    leavingSince = performance.now();
    process.exitCode = code;
    gateway
      .drain()
      .then(({ forced }) => {
        if (forced > 0) logger.warn({ forced }, 'clients were cut off at the drain’s deadline');
        return gateway.stop();
      })
      .then(
        () => process.exit(code),
        (error: unknown) => refuse(error),
      );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (leavingSince === undefined) {
        logger.info({ signal }, 'draining; a second signal ends it now');
        leave(0);
      } else if (performance.now() - leavingSince > SAME_SIGNAL_MS) {
        process.exit(1);
      }
    });
  }
  // Nobody is here yet who had to be drained.
  if (earlySigterm()) process.exit(0);
  const broken = (error: unknown) => {
    logger.error({ error }, 'a mistake of ours: this gateway leaves');
    if (leavingSince === undefined) leave(1);
  };
  process.on('unhandledRejection', broken);
  process.on('uncaughtException', broken);
  try {
    await gateway.start();
  } catch (error) {
    // Told to leave while it was starting, it ends as whoever told it waits for.
    if (leavingSince !== undefined) return;
    refuse(error);
  }
  logger.info({ host: settings.host, ...gateway.address }, 'serving');
}
