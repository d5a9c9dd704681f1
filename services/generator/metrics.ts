import { Counter, Gauge } from 'prom-client';
import { registry } from '../../lib/metrics.js';

export const replies = new Counter({
  name: 'generator_replies_total',
  help: 'Replies written, by who wrote them and whether they reached their end.',
  labelNames: ['origin', 'complete'],
  registers: [registry],
});

export const withheldSentences = new Counter({
  name: 'generator_withheld_sentences_total',
  help: 'Sentences of the language model that were withheld, by what no source supported.',
  labelNames: ['because'],
  registers: [registry],
});

export const modelCalls = new Counter({
  name: 'language_model_calls_total',
  help: 'Calls of the language model, by outcome.',
  labelNames: ['outcome'],
  registers: [registry],
});

export const modelTokens = new Counter({
  name: 'language_model_tokens_total',
  help: 'Tokens that the language model read (prompt) and wrote (completion), as it counts them.',
  labelNames: ['kind'],
  registers: [registry],
});

export const modelBreakerOpen = new Gauge({
  name: 'language_model_breaker_open',
  help: '1 while the breaker of the language model refuses calls, 0.5 while it lets one through to try.',
  registers: [registry],
});
