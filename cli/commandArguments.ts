import { InvalidArgumentError } from 'commander';

const MAX_TTL_S = 30 * 86_400;
const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_DAYS = 3650;

export const count = (raw: string): number => {
  if (!/^\d{1,15}$/.test(raw) || Number(raw) < 1) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(raw);
};

export const share = (raw: string): number => {
  const value = Number(raw);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError('It must be a number between 0 and 1, such as 0.05.');
  return value;
};

export const ttl = (raw: string): number => {
  const seconds = count(raw);
  if (seconds > MAX_TTL_S) throw new InvalidArgumentError(`It must be at most ${MAX_TTL_S} s, which are 30 days.`);
  return seconds;
};

/** Milliseconds of a time such as 7d. */
export const durationMs = (raw: string): number => {
  const [, number = '', unit = ''] = /^(\d{1,7})([mhd])$/.exec(raw) ?? [];
  const ms = Number(number) * (UNITS_MS[unit] ?? 0);
  if (!(ms > 0 && ms <= MAX_DAYS * UNITS_MS['d']!))
    throw new InvalidArgumentError(`It must be a time such as 90m, 24h or 7d, at most ${MAX_DAYS}d.`);
  return ms;
};

/** A day, a time, or how long ago. */
export const instant = (raw: string): Date => {
  if (/^\d+[mhd]$/.test(raw)) return new Date(Date.now() - durationMs(raw));
  const time = new Date(raw);
  if (!/^\d{4}-\d{2}-\d{2}/.test(raw) || Number.isNaN(time.getTime()))
    throw new InvalidArgumentError(
      'It must be a day such as 2026-11-01, a time such as 2026-11-01T12:00:00Z, or how long ago, such as 7d.',
    );
  return time;
};

export const httpUrl = (raw: string): string => {
  if (!URL.canParse(raw) || !/^https?:$/.test(new URL(raw).protocol))
    throw new InvalidArgumentError('It must be a URL such as http://127.0.0.1:8080.');
  return raw;
};

export const address = (raw: string): string => {
  if (!/^[^\s/]+:\d{1,5}$/.test(raw)) throw new InvalidArgumentError('It must be an address such as 127.0.0.1:50053.');
  return raw;
};

export const languageTag = (raw: string): string => {
  if (!/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(raw))
    throw new InvalidArgumentError('It must be a language tag (BCP 47) such as en or pt-BR.');
  return raw;
};
