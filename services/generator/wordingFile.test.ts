import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StartError } from '../../lib/errors.js';
import { loadWording } from './wordingFile.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'replymesh-wording-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const right = () => ({
  greeting: [{ requires: [] as string[], text: 'Hello,' }],
  closing: 'Bye',
  unknown: 'Wait.',
  track_order: {
    templates: [
      { requires: ['order.number'], text: 'It is {{order.number}}.', sources: ['track-an-order'] },
      { requires: [] as string[], text: 'See.', sources: ['track-an-order'] },
    ],
  },
  suggested_actions: { track_order: [{ action: 'order.track', label: 'Track' }] },
});
type File = ReturnType<typeof right>;
const first = (file: File) => file.track_order.templates[0] as File['track_order']['templates'][number];

function load(text: string) {
  const file = join(folder, 'en.json');
  writeFileSync(file, text);
  return loadWording(file);
}

describe('a file of approved wording', () => {
  it('is taken when it holds', () => {
    expect(load(JSON.stringify(right())).intents.get('track_order')).toHaveLength(2);
  });

  it.each<[problem: string, spoil: (file: File) => void, told: RegExp]>([
    [
      'a placeholder that is not required',
      (f) => (first(f).text = 'It is {{order.nubmer}}.'),
      /track_order, template 1: \{\{order\.nubmer\}\} is not among/,
    ],
    ['a brace of no placeholder', (f) => (first(f).text = 'It is {order.number}.'), /track_order, template 1: a brace/],
    ['no source', (f) => (first(f).sources = []), /track_order, template 1: needs at least one source/],
    ['a source that is no article id', (f) => (first(f).sources = ['Track an order']), /track_order, template 1, sources/],
    [
      'no template for a customer without facts',
      (f) => f.track_order.templates.pop(),
      /track_order: the last template must require nothing/,
    ],
    ['a template that is never chosen', (f) => f.track_order.templates.reverse(), /track_order, template 2: is never chosen/],
    ['no templates', (f) => (f.track_order.templates = []), /track_order: must have a list/],
    ['an empty text', (f) => (first(f).text = ' '), /track_order, template 1, text/],
    ['a key of another form', (f) => (first(f).requires = ['Order Number']), /track_order, template 1, requires/],
    ['a stray property', (f) => Object.assign(first(f), { source: [] }), /track_order, template 1: "source" means nothing here/],
    [
      'an action of another form',
      (f) => Object.assign(f.suggested_actions, { track_order: [{ action: 'Track!', label: 'x' }] }),
      /suggested_actions\.track_order\[0\]\.action/,
    ],
    ['actions of an intent without wording', (f) => Object.assign(f.suggested_actions, { fly: [] }), /suggested_actions\.fly/],
    ['a holding reply with a placeholder', (f) => (f.unknown = '{{order.number}}'), /unknown: takes no placeholders/],
    ['no farewell', (f) => delete (f as Partial<File>).closing, /closing/],
  ])('with %s is refused at start, with the file and the place', (_, spoil, told) => {
    const file = right();
    spoil(file);
    expect(() => load(JSON.stringify(file))).toThrow(StartError);
    expect(() => load(JSON.stringify(file))).toThrow(told);
    expect(() => load(JSON.stringify(file))).toThrow(join(folder, 'en.json'));
  });

  it('that is no JSON, or not there, is refused with what to do', () => {
    expect(() => load('{')).toThrow(/it is no JSON/);
    expect(() => loadWording(join(folder, 'none.json'))).toThrow(/cannot be read \(ENOENT\)\. Set REPLYMESH_WORDING_FILE/);
  });
});
