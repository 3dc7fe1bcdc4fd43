import assert from 'node:assert/strict';
import { it } from 'node:test';
import { declaration } from './declared.ts';
import { metricsDocument } from './document.ts';

it('the document of metrics names all of both programs, with their types and texts', async () => {
  const document = await metricsDocument();
  const declared = [...(await declaration()).values()];
  for (const program of ['gateway', 'operator']) {
    assert.ok(declared.filter((one) => one.program === program).length >= 15, program);
  }
  for (const { name } of declared) assert.ok(document.includes(`| \`${name}\` |`), name);
  assert.doesNotMatch(document, /\| +\|/);
});
