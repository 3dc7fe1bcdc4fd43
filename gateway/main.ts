import { pino } from 'pino';
import { endWhenTold } from '../process/ending.ts';
import { systemClock } from '../protocol/clock.ts';
import { PortTaken } from './listen.ts';
import { loggedError } from './logged-error.ts';
import { silentLogger } from './logger.ts';
import type { Settings } from './settings/declaration.ts';
import { helpText } from './settings/help.ts';
import { asksForHelp, readSettings } from './settings/load.ts';
import { SettingsError } from './settings/problem.ts';

// One gateway as a process. Exit codes: 0 drained; 1 failed; 2 it was told something impossible.

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
  const ending = endWhenTold({
    end: async () => {
      const { forced } = await gateway.drain();
      if (forced > 0) logger.warn({ forced }, 'clients were cut off at the drain’s deadline');
      await gateway.stop();
    },
    refuse,
    told: (signal) => logger.info({ signal }, 'draining; a second signal ends it now'),
    broken: (error) => logger.error({ error }, 'a mistake of ours: this gateway leaves'),
  });
  try {
    await gateway.start();
  } catch (error) {
    // Told to leave while it was starting, it ends as whoever told it waits for.
    if (ending.begun) return;
    refuse(error);
  }
  logger.info({ host: settings.host, ...gateway.address }, 'serving');
}
