import { isSpanContextValid, trace } from '@opentelemetry/api';
import { type Logger, type LoggerOptions, pino } from 'pino';
import { oneOf } from './config.js';

export type { Logger };

/** Part of every program's configuration, which is where a level that is none is refused. */
export const logLevel = oneOf({
  env: 'REPLYMESH_LOG_LEVEL',
  values: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
  default: 'info',
  doc: 'Least weighty lines that are logged.',
});

/** What an error may show in a log: its kind, code and stack frames. Messages stay out where a library may have put data into them. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, code, reason } = error as Error & { code?: unknown; reason?: unknown };
  const frames = error.stack
    ?.split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 12)
    .map((line) => line.trim());
  // drizzle's query error carries SQL parameters, and so customers' text, in its message; its cause is the database's own error.
  const message = name === 'DrizzleQueryError' || 'query' in error ? undefined : error.message;
  return { type: name, code, reason, message, frames, cause: error.cause === undefined ? undefined : describeError(error.cause) };
}

// When the reader of the log has gone there is nobody to tell; pino's own writer would try again for ever, also at the end of the process.
process.stdout.on('error', () => {});

/** Structured log on stdout, one JSON object a line, with the ids of the active span. No customer text, no secret is ever logged. */
const options: LoggerOptions = {
  level: logLevel.parse(process.env[logLevel.env] ?? '')?.value ?? 'info',
  base: { service: process.env['OTEL_SERVICE_NAME'] ?? 'replymesh', pid: process.pid },
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (label) => ({ level: label }) },
  serializers: { err: describeError, error: describeError },
  redact: {
    paths: ['text', 'query', 'reply', 'prompt', 'authorization', '*.text', '*.authorization', '*.apiKey', '*.password'],
    censor: '[withheld]',
  },
  mixin: () => {
    const span = trace.getActiveSpan()?.spanContext();
    return span && isSpanContextValid(span) ? { trace_id: span.traceId, span_id: span.spanId } : {};
  },
};
export const log: Logger = pino(options, process.stdout);
