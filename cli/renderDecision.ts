import { Action, type Decision, DecisionReason, Degradation, PriorityCause, PriorityLevel } from '../gen/replymesh/type/v1/decision.js';

const BAR = 20;
const words = (name: string | undefined): string => (name ?? 'unknown').toLowerCase().replaceAll('_', ' ');

/** A decision for a person at a terminal, in 80 columns. */
export function renderDecision(decision: Decision, options: { withReply: boolean; colour: boolean }): string {
  const paint = (code: number, text: string): string => (options.colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const actionColour = decision.action === Action.AUTO ? 32 : decision.action === Action.DRAFT ? 33 : 31;
  const lines = [`${paint(actionColour, (Action[decision.action] ?? '?').padEnd(9))} ${words(DecisionReason[decision.reason])}`];
  for (const { label, score } of decision.intents.slice(0, 3)) {
    lines.push(`  ${label.padEnd(26)} ${'█'.repeat(Math.round(score * BAR)).padEnd(BAR, '·')} ${(score * 100).toFixed(1).padStart(5)} %`);
  }
  const { uncertainty: u, priority: p } = decision;
  if (u)
    lines.push(
      `  uncertainty ${u.predictiveEntropy.toFixed(3)} nats, of which the model's own ${u.mutualInformation.toFixed(3)} (${u.samples} samples)`,
    );
  if (p)
    lines.push(
      `  priority ${words(PriorityLevel[p.level])}${p.reasons.length > 0 ? `: ${p.reasons.map((r) => words(PriorityCause[r.cause])).join(', ')}` : ''}`,
    );
  if (decision.degraded.length > 0) lines.push(paint(33, `  degraded: ${decision.degraded.map((d) => words(Degradation[d])).join(', ')}`));
  if (decision.summary) lines.push(`  ${decision.summary}`);
  if (options.withReply && decision.reply) lines.push('', decision.reply.text);
  for (const { articleId, title } of decision.reply?.citations ?? []) lines.push(paint(2, `  [${articleId}] ${title}`));
  const t = decision.timings;
  if (t) {
    const ms = (us: number): string => `${(us / 1000).toFixed(1)} ms`;
    lines.push(
      '',
      paint(
        2,
        `${decision.id}  ${ms(t.totalUs)} (context ${ms(t.contextUs)}, inference ${ms(t.inferenceUs)}, search ${ms(t.searchUs)}, reply ${ms(t.generationUs)})`,
      ),
    );
  }
  return `${lines.join('\n')}\n`;
}
