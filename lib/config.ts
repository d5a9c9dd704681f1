import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { StartError } from './errors.js';

/** What one setting takes from the environment. */
export interface Setting<T> {
  readonly env: string;
  readonly doc: string;
  /** What values it takes, to finish the sentence "… must be". */
  readonly form: string;
  readonly parse: (raw: string) => { value: T } | undefined;
  readonly default?: T | undefined;
  /** What the reference says of a default that differs from machine to machine. */
  readonly defaultDoc?: string | undefined;
  readonly optional: boolean;
  readonly secret: boolean;
}
export type Declaration = Readonly<Record<string, Setting<unknown>>>;
export type ConfigOf<D extends Declaration> = { readonly [K in keyof D]: D[K] extends Setting<infer T> ? T : never };

interface Common<T> {
  env: string;
  doc: string;
  default?: T;
  defaultDoc?: string;
}
type Optional<T> = Omit<Common<T>, 'default' | 'defaultDoc'> & { optional: true };

function setting<T>(spec: Common<T> | Optional<T>, form: string, parse: Setting<T>['parse'], secret = false): Setting<T> {
  const optional = 'optional' in spec;
  const fallback = optional ? {} : { default: spec.default, defaultDoc: spec.defaultDoc };
  return { env: spec.env, doc: spec.doc, ...fallback, optional, form, parse, secret };
}

/** Keeps the types of a declaration; every setting is read from one environment variable. */
export const declare = <D extends Declaration>(declaration: D): D => declaration;

export const integer = (spec: Common<number> & { min: number; max: number }): Setting<number> =>
  setting(spec, `an integer from ${spec.min} to ${spec.max}`, (raw) => {
    const value = /^-?\d+$/.test(raw) ? Number(raw) : Number.NaN;
    return value >= spec.min && value <= spec.max ? { value } : undefined;
  });

export const share = (spec: Common<number>): Setting<number> =>
  setting(spec, 'a number from 0 to 1', (raw) => {
    const value = /^(\d+|\d*\.\d+)$/.test(raw) ? Number(raw) : Number.NaN;
    return value >= 0 && value <= 1 ? { value } : undefined;
  });

export const boolean = (spec: Common<boolean>): Setting<boolean> =>
  setting(spec, '"on" or "off"', (raw) => (raw === 'on' || raw === 'off' ? { value: raw === 'on' } : undefined));

export function oneOf<const V extends string>(spec: Common<V> & { values: readonly V[] }): Setting<V> {
  return setting(spec, `one of ${spec.values.map((v) => `"${v}"`).join(', ')}`, (raw) => {
    const value = spec.values.find((v) => v === raw);
    return value === undefined ? undefined : { value };
  });
}

const nonEmpty = (raw: string) => (raw.trim() === '' ? undefined : { value: raw });

export function text(spec: Optional<string> & { pattern?: RegExp; form?: string }): Setting<string | undefined>;
export function text(spec: Common<string> & { pattern?: RegExp; form?: string }): Setting<string>;
export function text(
  spec: (Common<string> | Optional<string>) & { pattern?: RegExp; form?: string },
): Setting<string> | Setting<string | undefined> {
  return setting(spec, spec.form ?? 'a text', (raw) => (spec.pattern && !spec.pattern.test(raw) ? undefined : nonEmpty(raw)));
}

/** Like `text`, but never printed. */
export function secret(spec: Optional<string>): Setting<string | undefined>;
export function secret(spec: Common<string>): Setting<string>;
export function secret(spec: Common<string> | Optional<string>): Setting<string> | Setting<string | undefined> {
  return setting(spec, 'a text', nonEmpty, true);
}

/** A URL that may hold a password: printed without it. */
export function url(spec: Optional<string> & { protocols: readonly string[] }): Setting<string | undefined>;
export function url(spec: Common<string> & { protocols: readonly string[] }): Setting<string>;
export function url(
  spec: (Common<string> | Optional<string>) & { protocols: readonly string[] },
): Setting<string> | Setting<string | undefined> {
  return setting(spec, `a URL that starts with ${spec.protocols.map((p) => `${p}//`).join(' or ')}`, (raw) =>
    URL.canParse(raw) && spec.protocols.includes(new URL(raw).protocol) ? { value: raw } : undefined,
  );
}

/** A file or folder, made absolute. */
export function path(spec: Optional<string> & { mustExist?: boolean }): Setting<string | undefined>;
export function path(spec: Common<string> & { mustExist?: boolean }): Setting<string>;
export function path(spec: (Common<string> | Optional<string>) & { mustExist?: boolean }): Setting<string> | Setting<string | undefined> {
  return setting(spec, spec.mustExist ? 'a path that exists' : 'a path', (raw) =>
    nonEmpty(raw) && (!spec.mustExist || existsSync(raw)) ? { value: resolve(raw) } : undefined,
  );
}

/** `host:port`, where port 0 takes a free one. */
export function address(spec: Common<string>): Setting<string> {
  return setting(spec, 'an address such as 127.0.0.1:50051', (raw) =>
    /^(\[[0-9a-f:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/.test(raw) && Number(raw.slice(raw.lastIndexOf(':') + 1)) < 65536
      ? { value: raw }
      : undefined,
  );
}

/** A gRPC target: `host:port` or `dns:///host:port`. */
export function target(spec: Common<string>): Setting<string> {
  return setting(spec, 'a gRPC target such as dns:///context:50052', (raw) =>
    /^(dns:\/\/\/)?(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(raw) ? { value: raw } : undefined,
  );
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** All mistakes of a configuration at once, each saying what to set. */
const allMistakes = (mistakes: readonly string[]): string =>
  `${mistakes.length} ${mistakes.length === 1 ? 'mistake' : 'mistakes'}: ${mistakes.join(' ')}`;

/** What could be read, and what is wrong with the rest. Empty variables count as missing. */
function readConfig<D extends Declaration>(declaration: D, env: Environment): { config: Partial<ConfigOf<D>>; mistakes: string[] } {
  const mistakes: string[] = [];
  const config: Record<string, unknown> = {};
  for (const [name, s] of Object.entries(declaration)) {
    const raw = env[s.env];
    if (raw === undefined || raw === '') {
      if (s.default === undefined && !s.optional) mistakes.push(`${s.env} is missing: set it to ${s.form}. ${s.doc}`);
      config[name] = s.default;
      continue;
    }
    const parsed = s.parse(raw);
    if (parsed === undefined)
      mistakes.push(`${s.env} must be ${s.form}, it is ${s.secret ? 'something else' : JSON.stringify(withoutPassword(raw))}.`);
    else config[name] = parsed.value;
  }
  return { config: config as Partial<ConfigOf<D>>, mistakes };
}

/** Reads a configuration. @throws StartError with every mistake */
export function parseConfig<D extends Declaration>(declaration: D, env: Environment): ConfigOf<D> {
  const { config, mistakes } = readConfig(declaration, env);
  if (mistakes.length > 0) throw new StartError(allMistakes(mistakes));
  return config as ConfigOf<D>;
}

function withoutPassword(raw: string): string {
  if (!raw.includes('://') || !URL.canParse(raw)) return raw;
  const parsed = new URL(raw);
  // As it was written: an issuer with a slash added is another issuer.
  if (!parsed.password) return raw;
  parsed.password = '***';
  return parsed.toString();
}

/** The configuration as `NAME=value` lines with their documentation, secrets redacted. What could not be read has no value. */
export function printConfig<D extends Declaration>(declaration: D, config: Partial<ConfigOf<D>>): string {
  return Object.entries(declaration)
    .map(([name, s]) => {
      const value = config[name];
      const shown = value === undefined ? '' : typeof value === 'boolean' ? (value ? 'on' : 'off') : withoutPassword(String(value));
      return `# ${s.doc}\n${s.env}=${s.secret && value !== undefined ? '***' : shown}`;
    })
    .join('\n');
}

/**
 * Reads a service's configuration, or ends the process: with 0 after `--print-config`, with 2 on an unknown argument,
 * with 78 (EX_CONFIG, sysexits.h) and every mistake on stderr when it does not hold.
 */
export function loadConfig<D extends Declaration>(declaration: D, env: Environment, argv: readonly string[]): ConfigOf<D> {
  let print: boolean | undefined;
  try {
    print = parseArgs({ args: [...argv.slice(2)], options: { 'print-config': { type: 'boolean' } } }).values['print-config'];
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nThe only argument is --print-config.\n`);
    process.exit(2);
  }
  const { config, mistakes } = readConfig(declaration, env);
  // Also where something is missing: whoever asks wants to see what there is to set.
  if (print) process.stdout.write(`${printConfig(declaration, config)}\n`);
  if (mistakes.length > 0) {
    process.stderr.write(`${allMistakes(mistakes)}\n`);
    process.exit(78);
  }
  if (print) process.exit(0);
  return config as ConfigOf<D>;
}
