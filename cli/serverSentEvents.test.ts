import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { serverSentEvents } from './serverSentEvents.js';

/** The bytes in pieces that end at the given places, as a network might cut them. */
async function* cut(text: string, places: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let from = 0;
  for (const end of ends) {
    yield bytes.subarray(from, end);
    from = end;
  }
}

async function read(text: string, places: readonly number[] = []): Promise<string[]> {
  const events: string[] = [];
  for await (const data of serverSentEvents(cut(text, places))) events.push(data);
  return events;
}

/** Any text of one line: no line end, but everything else, U+2028 included. */
const line = fc.string({
  unit: fc.oneof(fc.constantFrom('\u2028', '🙂', ':', ' ', 'data'), fc.string({ unit: 'grapheme', maxLength: 1 })),
});

describe('a stream of server-sent events', () => {
  it('comes out as it was sent, wherever the network cuts it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(line, { minLength: 1, maxLength: 3 })),
        fc.array(fc.nat()),
        fc.constantFrom('\n', '\r\n'),
        async (events, places, end) => {
          const text = events.map((lines) => lines.map((l) => `data: ${l}${end}`).join('') + end).join('');
          expect(await read(text, places)).toEqual(events.map((lines) => lines.join('\n')));
        },
      ),
    );
  });

  it('may be written without the blank after the colon, or without a colon', async () => {
    expect(await read('data:a\n\ndata\ndata:  b\n\n')).toEqual(['a', '\n b']);
  });

  it('leaves out comments and fields of other names', async () => {
    expect(await read(': hello\nevent: x\nid: 7\ndatabase: no\ndata: yes\nretry: 5\n\n\n')).toEqual(['yes']);
  });

  it('does not give an event that was cut off', async () => {
    expect(await read('data: whole\n\ndata: hal')).toEqual(['whole']);
    expect(await read('data: whole\n\ndata: half\n')).toEqual(['whole']);
  });
});
