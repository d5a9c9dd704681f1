import { readFileSync, readdirSync } from 'node:fs';
import { it } from 'vitest';
import { openGate } from './gate.js';
import { splitSentences } from './sentences.js';
const dir = 'services/context/seed/articles/';
const arts = new Map(readdirSync(dir).map((f) => { const raw = readFileSync(dir + f, 'utf8'); const [, head = '', body = ''] = raw.split(/^---$/m); return [f.slice(0, -3), { title: /title: (.*)/.exec(head)![1]!, body }]; }));
const passagesOf = (ids: string[]) => ids.flatMap((id) => { const a = arts.get(id)!; return a.body.split(/^## /m).slice(1).map((part, i) => { const nl = part.indexOf('\n'); return { id: `${id}#${i}`, articleId: id, title: `${a.title} · ${part.slice(0, nl)}`, text: part.slice(nl + 1), score: 1, textSha256: '' }; }); });
const customers = JSON.parse(readFileSync('services/context/seed/customers.json', 'utf8'));
const T: Record<string, number> = { TEXT: 1, NUMBER: 2, ORDER_NUMBER: 2, DATE: 3, MONEY: 4, STATUS: 5, ORDER_STATUS: 5, EMAIL: 6, ADDRESS: 7 };
const ada = { order_x: 1, facts: customers.flatMap((c: any) => c.facts.map((f: any) => ({ ...f, type: f.key.endsWith('status') ? 5 : T[f.type] }))) };
const first = new Map<string, any>(); for (const f of ada.facts) if (!first.has(f.key)) first.set(f.key, f);
const facts = [...first.values()];
const wording = JSON.parse(readFileSync('services/generator/wording/en.json', 'utf8'));
it('scratch', () => {
  let n = 0, bad = 0;
  for (const all of [false, true]) for (const [intent, { templates }] of Object.entries<any>(wording)) {
    for (const t of templates ?? []) {
      const gate = openGate({ passages: passagesOf(all ? [...arts.keys()] : t.sources), facts, customerName: 'Ada Mensah', customerText: '' });
      const text = t.text.replace(/\{\{([^}]*)\}\}/g, (_: string, k: string) => first.get(k)?.value ?? `?${k}`);
      for (const s of splitSentences(text)) { n++; const v = gate(s); if (!v.supported) { bad++; console.log(all ? 'ALL' : 'own', intent, v.because, '|', s); } }
    }
  }
  let c = 0, cbad = 0;
  const gate = openGate({ passages: passagesOf([...arts.keys()]), facts, customerName: '', customerText: '' });
  for (const p of passagesOf([...arts.keys()])) for (const s of splitSentences(p.text)) { if (!s.trim()) continue; c++; const v = gate(s); if (!v.supported) { cbad++; console.log('COPY', v.because, s); } }
  console.log({ n, bad, c, cbad });
});
