import assert from 'node:assert/strict';
import { it } from 'node:test';
import { amountOf } from './quantity.ts';

it('an amount is read as Kubernetes writes it', () => {
  const read = (texts: readonly (string | number)[]) => texts.map((text) => amountOf(text));
  assert.deepEqual(read(['1Gi', '0.5Gi', '512Mi', '1Ki']), [2 ** 30, 2 ** 29, 2 ** 29, 1_024]);
  assert.deepEqual(
    read(['1G', '250M', '3k', 7, '7', '.5k', '1.']),
    [1e9, 2.5e8, 3e3, 7, 7, 500, 1],
  );
  assert.deepEqual(read(['500m', '2e3', '2E3', '12E', '1e-2']), [0.5, 2e3, 2e3, 1.2e19, 0.01]);
  assert.deepEqual(read(['', 'Gi', '1Kb', '1.2.3']), [undefined, undefined, undefined, undefined]);
});
