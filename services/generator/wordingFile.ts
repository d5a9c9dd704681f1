import { readFileSync } from 'node:fs';
import { StartError } from '../../lib/errors.js';

/** One approved text and the fact keys that it needs. */
export interface Template {
  readonly requires: readonly string[];
  readonly text: string;
  /** Ids of the articles that support it. */
  readonly sources: readonly string[];
}

/** What `wording/en.json` holds, checked. */
export interface Wording {
  readonly greeting: readonly Template[];
  readonly closing: string;
  /** The holding reply, for what nobody has approved an answer to. */
  readonly unknown: string;
  readonly intents: ReadonlyMap<string, readonly Template[]>;
  readonly suggestedActions: ReadonlyMap<string, readonly { action: string; label: string }[]>;
}

const KEY = /^[a-z][a-z_]*(\.[a-z][a-z_]*)*$/;
const ARTICLE_ID = /^[a-z0-9][a-z0-9-]{2,62}$/;
export const PLACEHOLDER = /\{\{([^{}]*)\}\}/g;

/** Reads and checks a file of approved wording. @throws StartError that names the file, the intent and what is wrong */
export function loadWording(file: string): Wording {
  const refuse = (what: string): never => {
    throw new StartError(`The approved wording in ${file} cannot be used: ${what}`);
  };
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return refuse(
      `it cannot be read (${(error as NodeJS.ErrnoException).code}). Set REPLYMESH_WORDING_FILE to a file of approved wording.`,
    );
  }
  try {
    return parseWording(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return refuse(`it is no JSON: ${error.message}.`);
    if (error instanceof WordingError) return refuse(error.message);
    throw error;
  }
}

/** A mistake in approved wording. */
export class WordingError extends Error {
  override readonly name = 'WordingError';
  constructor(where: string, what: string) {
    super(`${where}: ${what}.`);
  }
}

/** Checks approved wording. @throws WordingError that names the intent */
export function parseWording(json: unknown): Wording {
  const { greeting, closing, unknown, suggested_actions: actions, ...intents } = objectOf(json, 'the file');
  const wording: Wording = {
    greeting: templatesOf(greeting, 'greeting', false),
    closing: plainTextOf(closing, 'closing'),
    unknown: plainTextOf(unknown, 'unknown'),
    intents: new Map(
      Object.entries(intents).map(([intent, value]) => [
        intent,
        templatesOf(objectOf(value, intent, ['templates'])['templates'], intent, true),
      ]),
    ),
    suggestedActions: new Map(
      Object.entries(objectOf(actions, 'suggested_actions')).map(([intent, value]) => [
        intent,
        actionsOf(value, `suggested_actions.${intent}`),
      ]),
    ),
  };
  for (const intent of wording.suggestedActions.keys()) {
    if (!wording.intents.has(intent)) throw new WordingError(`suggested_actions.${intent}`, 'there are no templates for this intent');
  }
  return wording;
}

function objectOf(value: unknown, where: string, only?: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WordingError(where, 'must be an object');
  const stray = only && Object.keys(value).find((key) => !only.includes(key));
  if (stray !== undefined) throw new WordingError(where, `"${stray}" means nothing here; known are ${only?.join(', ')}`);
  return value as Record<string, unknown>;
}

function textOf(value: unknown, where: string): string {
  if (typeof value !== 'string' || value.trim() === '' || value !== value.trim())
    throw new WordingError(where, 'must be a text without white space around it');
  return value;
}

function plainTextOf(value: unknown, where: string): string {
  if (/[{}]/.test(textOf(value, where))) throw new WordingError(where, 'takes no placeholders');
  return value as string;
}

function listOf(value: unknown, where: string, pattern: RegExp): string[] {
  const wrong = Array.isArray(value) ? value.find((one) => typeof one !== 'string' || !pattern.test(one)) : value;
  if (!Array.isArray(value) || wrong !== undefined)
    throw new WordingError(where, `${JSON.stringify(wrong)} is not of the form ${pattern.source}`);
  return value as string[];
}

function templatesOf(value: unknown, where: string, cites: boolean): Template[] {
  if (!Array.isArray(value) || value.length === 0) throw new WordingError(where, 'must have a list of templates');
  const templates = value.map((one, index) => templateOf(one, `${where}, template ${index + 1}`, cites));
  templates.forEach((template, index) => {
    const hidden = templates.slice(0, index).findIndex((earlier) => earlier.requires.every((key) => template.requires.includes(key)));
    if (hidden >= 0)
      throw new WordingError(
        `${where}, template ${index + 1}`,
        `is never chosen, because template ${hidden + 1} needs no more facts: put the one that needs most first`,
      );
  });
  if (templates.at(-1)?.requires.length !== 0)
    throw new WordingError(where, 'the last template must require nothing, so that there is one for every customer');
  return templates;
}

function templateOf(value: unknown, where: string, cites: boolean): Template {
  const { requires, text, sources } = objectOf(value, where, cites ? ['requires', 'text', 'sources'] : ['requires', 'text']);
  const keys = listOf(requires, `${where}, requires`, KEY);
  const template = textOf(text, `${where}, text`);
  for (const [, key = ''] of template.matchAll(PLACEHOLDER)) {
    if (!keys.includes(key)) throw new WordingError(where, `{{${key}}} is not among what it requires (${keys.join(', ') || 'nothing'})`);
  }
  if (/[{}]/.test(template.replace(PLACEHOLDER, '')))
    throw new WordingError(where, 'a brace belongs to no placeholder of the form {{order.number}}');
  if (!cites) return { requires: keys, text: template, sources: [] };
  const ids = listOf(sources, `${where}, sources`, ARTICLE_ID);
  if (ids.length === 0) throw new WordingError(where, 'needs at least one source');
  return { requires: keys, text: template, sources: ids };
}

function actionsOf(value: unknown, where: string): { action: string; label: string }[] {
  if (!Array.isArray(value)) throw new WordingError(where, 'must be a list');
  return value.map((one, index) => {
    const { action, label } = objectOf(one, `${where}[${index}]`, ['action', 'label']);
    const [name = ''] = listOf([action], `${where}[${index}].action`, KEY);
    if (textOf(label, `${where}[${index}].label`).length > 200)
      throw new WordingError(`${where}[${index}].label`, 'is longer than 200 characters');
    return { action: name, label: label as string };
  });
}
