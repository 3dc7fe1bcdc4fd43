import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { objectSchema } from '../../operator/api/custom-resource-definition.ts';
import { rulesOf } from '../../operator/api/schema-walk.ts';
import { wsClusterSpec } from '../../operator/api/spec.ts';
import { ruleCases } from './crd-rules.ts';

describe('the cases of rules that an API server must refuse', () => {
  it('are at least one for every rule of the definition, and for none that it lacks', () => {
    const messages = [...rulesOf(objectSchema()).keys()].map(({ message }) => message);
    const cases = new Set(ruleCases.map(({ message }) => message));
    assert.deepEqual([...cases].toSorted(), messages.toSorted());
  });

  it('break no bound, so that it is the rule that refuses them', () => {
    for (const { message, spec, from } of ruleCases) {
      for (const one of [spec, ...(from === undefined ? [] : [from])]) {
        const issues = wsClusterSpec.safeParse(one).error?.issues ?? [];
        // What settings refuse in code, which is what the rule stands for.
        const ofBounds = issues.filter(({ code }) => code !== 'custom');
        assert.deepEqual(ofBounds, [], message);
      }
    }
  });
});
