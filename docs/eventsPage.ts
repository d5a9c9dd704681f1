import { events } from '../services/context/events.js';

/** What the relays carry: the envelope, and the fields of every event. */
export function eventsPage(): string {
  const sections = Object.entries(events).map(([type, { doc, fields }]) => {
    const rows = Object.entries(fields).map(([name, field]) => `| \`${name}\` | ${field.form} | ${field.doc} |`);
    return `## ${type}\n\n${doc}\n\n| field | form | what |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return `# Events

What happens is written to the table \`outbox\` in the transaction that makes it happen, and carried from there to the sinks that are set: [relay events](../how-to/relay-events.md).
Every field of an event is always there. Fields and types of events may be added; what is here stays as it is. **No event holds a word that a customer wrote or was told**: they are numbers,
labels and ids. \`customer_id\` is the caller's own id of a customer; whoever erases customers has to remove it from what the sinks have stored, too.

## Every event

\`\`\`json
{"event_id":"QueryProcessed/qry_01a20d2d-2241-73e3-87b1-dcb23b0b6540","type":"QueryProcessed","tenant":"demo",
 "subject":"qry_01a20d2d-2241-73e3-87b1-dcb23b0b6540","time":"2026-11-24T12:00:00.000Z","payload":{"intent":"track_refund","confidence":0.998, …}}
\`\`\`

| field | form | what |
| --- | --- | --- |
| \`event_id\` | text | The same however often the event comes, and no other event of its tenant has it: readers know by it what they have. |
| \`type\` | text | One of those below. |
| \`tenant\` | text | Whose it is. |
| \`subject\` | text | What it is about: the id of the query, or of the drift report. |
| \`time\` | time, RFC 3339 | When it was recorded. A record that waited in a gateway's spool was recorded later than its message was accepted. |
| \`payload\` | object | The fields below. |

This is a line in S3 and the \`detail\` of an EventBridge event (\`source\` is \`replymesh\`, \`detail-type\` is the type). An item in DynamoDB has the fields of the payload beside the others.

${sections.join('\n')}`;
}
