import type { AuthCounts, AuthOutcome, Credential, KeyFile } from '../edge/auth/counts.ts';
import { allOf, type SeriesMaker } from './series.ts';

const authOutcomes = allOf<AuthOutcome>({
  ok: true,
  unauthenticated: true,
  token_expired: true,
  keys_unavailable: true,
});

/** The series of tokens, API keys and the files and sets that verify them. */
export function authCounts(make: SeriesMaker): AuthCounts {
  return {
    authenticated: make.grid(
      'authentications_total',
      'Tokens, API keys and clients without either.',
      [
        { label: 'by', values: allOf<Credential>({ token: true, api_key: true, anonymous: true }) },
        { label: 'outcome', values: authOutcomes },
      ],
    ),
    fetched: make.counters('jwks_fetches_total', 'Fetches of the JWK Set.', {
      label: 'outcome',
      values: allOf({ ok: true, failed: true }),
    }),
    expired: make.counter(
      'jwks_expired_total',
      'Times the JWK Set was given up because it could not be fetched for too long.',
    ),
    reread: make.grid('key_file_rereads_total', 'Changes of files with keys.', [
      { label: 'file', values: allOf<KeyFile>({ keys: true, api_keys: true, admin_keys: true }) },
      { label: 'outcome', values: ['changed', 'refused'] },
    ]),
  };
}
