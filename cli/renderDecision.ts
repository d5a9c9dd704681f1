import {
  Action,
  type Decision,
  DecisionReason,
  Degradation,
  PriorityCause,
  PriorityLevel,
  SentimentLabel,
  type Timings,
} from '../gen/replymesh/type/v1/decision.js';
import { ACTION_WORDS, DEGRADATION_WORDS, REASON_WORDS } from './plainWords.js';

const WIDTH = 80;
const BAR = 24;
const INTENTS = 3;
const COLOUR = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

export interface RenderOptions {
  /** False when the reply was streamed already. */
  readonly withReply: boolean;
  readonly colour: boolean;
}

/** A decision for a person at a terminal, in 80 columns. */
export function renderDecision(decision: Decision, { withReply, colour }: RenderOptions): string {
  const paint = (kind: keyof typeof COLOUR, text: string): string => (colour ? `\u001b[${COLOUR[kind]}m${text}\u001b[0m` : text);
  const reply = withReply ? decision.reply?.text : undefined;
  const facts = factsOf(decision).flatMap(([name, value]) =>
    wrapped(printable(value), WIDTH - 17).map((line, i) => `  ${paint('dim', (i === 0 ? name : '').padEnd(13))}  ${line}`),
  );
  const sections = [
    headline(decision).map((line, i) => (i === 0 ? line.replace(/^\w+/, (action) => paint(actionColour(decision.action), action)) : line)),
    decision.intents.slice(0, INTENTS).map(({ label, score }, i) => {
      const bar = '█'.repeat(Math.round(score * BAR)).padEnd(BAR, '·');
      const line = `  ${clipped(printable(label), 36).padEnd(36)}  ${bar}  ${(score * 100).toFixed(1).padStart(5)} %`;
      return i === 0 ? paint('bold', line) : line;
    }),
    facts,
    reply ? wrapped(printable(reply), WIDTH - 2).map((line) => `  ${line}`.trimEnd()) : [],
    (decision.reply?.citations ?? []).map((c) => paint('dim', `  [${printable(c.articleId)}] ${printable(c.title)}`)),
    [...(decision.timings ? [paint('dim', timingLine(decision.timings))] : []), paint('dim', printable(decision.id))],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

/** What to do and why, with the name that the reference explains. */
function headline({ action, reason }: Decision): string[] {
  const name = Action[action] ?? '?';
  const why = DecisionReason[reason] ?? String(reason);
  const lines = wrapped(`${plain(ACTION_WORDS, name)}:\n${plain(REASON_WORDS, why)} (${why})`, WIDTH - name.length - 2);
  return lines.map((line, i) => `${i === 0 ? name : ' '.repeat(name.length)}  ${line}`);
}

function factsOf(decision: Decision): (readonly [string, string])[] {
  const { uncertainty: u, outOfScope, sentiment, priority: p, predictionSet } = decision;
  const facts: (readonly [string, string] | undefined)[] = [
    u && [
      'uncertainty',
      `${u.predictiveEntropy.toFixed(3)} nats, ${u.mutualInformation.toFixed(3)} of them the model's own (${u.samples} samples)`,
    ],
    predictionSet && [
      'likely',
      `${predictionSet.labels.join(', ')} (holds the true one in ${Math.round(predictionSet.coverage * 100)} % of cases)`,
    ],
    outOfScope && ['out of scope', `${outOfScope.isOutOfScope ? 'yes' : 'no'} (${outOfScope.score.toFixed(2)})`],
    sentiment && ['tone', words(SentimentLabel[sentiment.label])],
    p && [
      'priority',
      [words(PriorityLevel[p.level]), p.reasons.map((r) => words(PriorityCause[r.cause])).join(', ')].filter(Boolean).join(': '),
    ],
    decision.degraded.length > 0
      ? ['missing', decision.degraded.map((d) => plain(DEGRADATION_WORDS, Degradation[d])).join('\n')]
      : undefined,
    decision.summary ? ['for you', decision.summary] : undefined,
    decision.suggestedActions.length > 0 ? ['next', decision.suggestedActions.map((a) => a.label || a.action).join(' · ')] : undefined,
  ];
  return facts.filter((fact) => fact !== undefined);
}

function timingLine(t: Timings): string {
  const stages = { context: t.contextUs, models: t.inferenceUs, search: t.searchUs, reply: t.generationUs, record: t.recordUs };
  const parts = Object.entries(stages).map(([name, us]) => `${name} ${(us / 1000).toFixed(1)}`);
  return `${(t.totalUs / 1000).toFixed(1)} ms: ${parts.join(', ')}`;
}

const plain = (known: Readonly<Record<string, string>>, name: string | undefined): string => known[name ?? ''] ?? words(name);
const words = (name: string | undefined): string => (name ?? 'unknown').toLowerCase().replaceAll('_', ' ');
const clipped = (text: string, width: number): string => (text.length > width ? `${text.slice(0, width - 1)}…` : text);
const actionColour = (action: Action): keyof typeof COLOUR =>
  action === Action.AUTO ? 'green' : action === Action.DRAFT ? 'yellow' : 'red';

/** Without control characters, which a customer's text or a model's reply could steer a terminal with. Line ends stay. */
export const printable = (text: string): string => text.replace(/[^\P{Cc}\n]|\p{Bidi_Control}/gu, ' ');

/** Lines of at most `width` characters, broken at blanks; a longer word has a line of its own. */
export function wrapped(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines = [''];
    for (const word of paragraph.split(' ').filter(Boolean)) {
      const last = lines.at(-1)!;
      if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
      else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
    }
    return lines;
  });
}
