import { type Declaration, type Declared, OPEN_LABELS } from './declared.ts';

/** Labels that Prometheus gives to what it scrapes, and those that it makes of a histogram. */
const GIVEN_LABELS = new Set(['namespace', 'job', 'pod', 'instance', 'le']);
const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan']);
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const SELECTOR = /([a-zA-Z_:][\w:]*)\s*(\(|\{((?:[^"}]|"[^"]*")*)\})?/g;
const MATCHER = /(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g;

interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** A metric in an expression of PromQL. */
interface Selector {
  readonly name: string;
  readonly matchers: readonly Matcher[];
  /** It stands in `rate(…)` or `increase(…)`. */
  readonly isRate: boolean;
}

/**
 * What an expression asks for that is not declared: metrics, labels and values of labels that there
 * are not, and counters that are not looked at as rates. It knows as much of PromQL as alerts and
 * panels here use; whether the whole is PromQL, Prometheus itself is asked.
 */
export function undeclared(expression: string, declaration: Declaration): string[] {
  const problems: string[] = [];
  const asked = selectorsOf(expression).flatMap((selector) => {
    const metric = metricOf(selector.name, declaration);
    if (metric === undefined) problems.push(`there is no metric ${selector.name}`);
    return metric === undefined ? [] : [{ selector, metric }];
  });
  for (const { selector, metric } of asked) {
    problems.push(...selector.matchers.flatMap((one) => problemOf(one, metric)));
    if (selector.isRate === (metric.type === 'gauge')) {
      problems.push(`${metric.name} is a ${metric.type}`);
    }
  }
  const known = new Set(asked.flatMap(({ metric }) => [...metric.labels.keys()]));
  for (const label of groupedBy(expression)) {
    if (!GIVEN_LABELS.has(label) && !known.has(label)) {
      problems.push(`none of its metrics has the label ${label}`);
    }
  }
  return problems;
}

function selectorsOf(expression: string): Selector[] {
  const plain = expression.replaceAll(GROUPING, ' ').replaceAll(/\[[^\]]*\]/g, ' ');
  const found: Selector[] = [];
  for (const match of plain.matchAll(SELECTOR)) {
    const [, name = '', after, inside = ''] = match;
    const isPartOfNumber = /[\w.]/.test(plain.charAt(match.index - 1));
    if (after === '(' || WORDS.has(name.toLowerCase()) || isPartOfNumber) continue;
    const matchers = [...inside.matchAll(MATCHER)].map(
      ([, label = '', operator = '', value = '']) => ({
        ...{ label, operator, value },
      }),
    );
    const isRate = /\b(rate|increase)\(\s*$/.test(plain.slice(0, match.index));
    found.push({ name, matchers, isRate });
  }
  return found;
}

const groupedBy = (expression: string): string[] =>
  [...expression.matchAll(GROUPING)].flatMap(([, labels = '']) =>
    labels
      .split(',')
      .map((label) => label.trim())
      .filter((label) => label !== ''),
  );

/** Histograms have three series. */
function metricOf(name: string, declaration: Declaration): Declared | undefined {
  const whole = declaration.get(name);
  if (whole !== undefined) return whole.type === 'histogram' ? undefined : whole;
  const histogram = declaration.get(name.replace(/_(bucket|sum|count)$/, ''));
  return histogram?.type === 'histogram' ? histogram : undefined;
}

function problemOf({ label, operator, value }: Matcher, metric: Declared): string[] {
  if (GIVEN_LABELS.has(label) || OPEN_LABELS.has(label)) return [];
  const values = metric.labels.get(label);
  if (values === undefined) return [`${metric.name} has no label ${label}`];
  const wanted = operator.endsWith('~') ? value.split('|') : [value];
  const matches = (one: string) =>
    operator.endsWith('~')
      ? [...values].some((known) => new RegExp(`^(?:${one})$`).test(known))
      : values.has(one);
  return wanted
    .filter((one) => !matches(one))
    .map((one) => `${metric.name}: ${label} is never ${one}`);
}
