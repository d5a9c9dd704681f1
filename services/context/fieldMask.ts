import { requireNone } from '../../lib/validation.js';

/**
 * The fields that an update changes (AIP-134): those of its mask, and all that are set without one.
 * @param fields by their names in a mask @throws Fault FIELD_VIOLATION for a path that is none of them
 */
export function maskedFields<F extends string>(
  fields: ReadonlyMap<string, F>,
  paths: readonly string[] | undefined,
  given: Readonly<Partial<Record<F, unknown>>>,
): F[] {
  if (paths === undefined) return [...fields.values()].filter((field) => isSet(given[field]));
  const description = `name only ${[...fields.keys()].join(', ')}`;
  requireNone(paths.filter((path) => !fields.has(path)).map(() => ({ field: 'update_mask', description })));
  return paths.flatMap((path) => fields.get(path) ?? []);
}

const isSet = (value: unknown): boolean =>
  typeof value === 'string' || Array.isArray(value) ? value.length > 0 : value !== undefined && value !== 0;
