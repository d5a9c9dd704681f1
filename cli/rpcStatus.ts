import type { ClientError } from 'nice-grpc';
import { RichClientError } from 'nice-grpc-error-details';
import { CommandFailed } from './failure.js';

/** The parts of a `google.rpc.Status` that a person is shown. */
export interface ShownStatus {
  readonly message: string;
  readonly reason: string | undefined;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
}

/** Reads the JSON form; undefined when it is something else, so that another server's answer is not taken for the mesh's. */
export function statusOfJson(json: unknown): ShownStatus | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const { code, message, details } = json as { code?: unknown; message?: unknown; details?: unknown };
  if (typeof code !== 'number' || typeof message !== 'string') return undefined;
  const list = objectsIn(details);
  const reason = list.find((d) => textIn(d['@type']).endsWith('/google.rpc.ErrorInfo'))?.['reason'];
  return {
    message,
    reason: textIn(reason) || undefined,
    violations: list
      .flatMap((d) => objectsIn(d['fieldViolations']))
      .map((v) => ({ field: textIn(v['field']), description: textIn(v['description']) })),
  };
}

const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');
/** Objects of a list that somebody else wrote; none when it is no list. */
const objectsIn = (list: unknown): Record<string, unknown>[] =>
  Array.isArray(list) ? list.filter((entry) => typeof entry === 'object' && entry !== null) : [];

export function statusOfError(error: ClientError): ShownStatus {
  const details = error instanceof RichClientError ? error.extra : [];
  return {
    message: error.details,
    reason: details.flatMap((d) => (d.$type === 'google.rpc.ErrorInfo' ? [d.reason] : []))[0],
    violations: details.flatMap((d) => (d.$type === 'google.rpc.BadRequest' ? d.fieldViolations : [])),
  };
}

/** Cures that only this command knows: it signs with the key of a data folder. */
const TOKEN_CURE = 'The mesh may run with another REPLYMESH_DATA_DIR: set the same one here, or set REPLYMESH_TOKEN.';

export function failureOf({ message, reason, violations }: ShownStatus): CommandFailed {
  const lines = [message, ...violations.map((v) => `  ${v.field}: ${v.description}`)];
  if (reason === 'TOKEN_INVALID' || reason === 'TOKEN_FOREIGN') lines.push(TOKEN_CURE);
  return new CommandFailed(lines.join('\n'));
}
