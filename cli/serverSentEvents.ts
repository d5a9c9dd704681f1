/**
 * Data of each server-sent event (WHATWG HTML, section 9.2): its `data` lines joined, other fields left out; lines end in LF or CRLF. An event that is not ended by a blank line was cut and does not count.
 * @param chunks UTF-8 bytes, cut anywhere
 */
export async function* serverSentEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.map((l) => l.replace(/\r$/, ''))) {
      // `.` takes every character: U+2028 inside of a text is no end of a line here.
      const field = /^data(?:: ?(.*))?$/s.exec(line);
      if (field) data.push(field[1] ?? '');
      if (line !== '' || data.length === 0) continue;
      yield data.join('\n');
      data = [];
    }
  }
}
