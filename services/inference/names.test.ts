import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NameKind } from '../../gen/replymesh/inference/v1/inference_service.js';
import { caller, type ServedInference, serveInference } from './inference.fixture.js';

let served: ServedInference;
beforeAll(async () => {
  served = await serveInference();
});
afterAll(() => served.close());

const namesIn = async (text: string): Promise<[kind: string, name: string][]> => {
  const { names, namesRead } = await served.client.predict({ text, findNames: true }, caller());
  expect(namesRead).toBe(true);
  return names.map(({ kind, start, end }) => [NameKind[kind], text.slice(start, end)]);
};

describe('names', () => {
  it.each([
    ['Hi, this is Krisztina Horváth. Where is my refund?', [['PERSON', 'Krisztina Horváth']]],
    ['my name is john smith and my card is broken', [['PERSON', 'john smith']]],
    ['😀👍🏽 Regards, Aisha Okafor', [['PERSON', 'Aisha Okafor']]],
    ['do you deliver to Lisbon?', [['PLACE', 'Lisbon']]],
    ['I work for Siemens and need an invoice', [['ORGANIZATION', 'Siemens']]],
  ])('are found in "%s"', async (text, names) => {
    expect(await namesIn(text)).toEqual(names);
  });

  it.each(['Where is my refund?', 'I WANT MY MONEY BACK', 'Is Apple Pay supported?', 'Please reset the PIN of my account {{ACCOUNT_1}}'])(
    'are not seen in "%s"',
    async (text) => {
      expect(await namesIn(text)).toEqual([]);
    },
  );

  it('are found wherever they stand in a long text, of which the models read the begin alone', async () => {
    const filler = 'The parcel has not come and nobody answers the phone. '.repeat(60);
    const text = `My name is Tomasz Kowalski. ${filler}Regards, Ingrid Solberg`;
    const { truncated } = await served.client.predict({ text, findNames: true }, caller());
    expect(truncated).toBe(true);
    const names = await namesIn(text);
    expect(names).toContainEqual(['PERSON', 'Tomasz Kowalski']);
    expect(names).toContainEqual(['PERSON', 'Ingrid Solberg']);
  });

  it('do not change what else is answered, nor depend on the texts beside', async () => {
    const text = 'Hello, Maria Lopez here, where is order {{ORDER_1}}?';
    const { names, namesRead, ...asked } = await served.client.predict({ text, findNames: true, includeEmbedding: true }, caller());
    const { names: none, namesRead: unread, ...plain } = await served.client.predict({ text, includeEmbedding: true }, caller());
    expect(asked).toEqual(plain);
    expect([none, unread, namesRead]).toEqual([[], false, true]);
    const crowd = await Promise.all(
      [text, 'I am Bob', text, 'no', 'Ann and Joe of Oslo share it'].map((one) =>
        served.client.predict({ text: one, findNames: true }, caller()),
      ),
    );
    expect([crowd[0]!.names, crowd[2]!.names]).toEqual([names, names]);
  });
});
