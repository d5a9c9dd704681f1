/** What kind of hard fact a claim states. */
export type ClaimKind =
  | 'PLACEHOLDER' // {{ORDER_1}}, a masked part of the customer's message
  | 'EMAIL'
  | 'URL'
  | 'PHONE' // digits
  | 'DATE' // YYYY-MM-DD, or --MM-DD when no year is said; an ambiguous one is joined by `|`
  | 'TIME' // HH:MM
  | 'DAY' // a weekday, or a month without a day
  | 'RELATIVE_TIME' // tomorrow, at once
  | 'MONEY' // 49.9 USD
  | 'FREE' // that something costs nothing
  | 'PERCENT'
  | 'DURATION' // 5 workday
  | 'IDENTIFIER' // letters with digits: NW-10482
  | 'NUMBER';

/** One hard fact in normal form: two spellings of one fact give the same value. */
export interface Claim {
  readonly kind: ClaimKind;
  readonly value: string;
}

const WORD_NUMBERS: Readonly<Record<string, number>> = Object.fromEntries(
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'
    .split(' ')
    .map((word, value) => [word, value])
    .concat(
      'twenty thirty forty fifty sixty seventy eighty ninety hundred'.split(' ').map((word, i) => [word, i === 8 ? 100 : 20 + 10 * i]),
    ),
);
const UNIT = 'seconds?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?';
const CURRENCIES: Readonly<Record<string, string>> = {
  $: 'USD',
  us$: 'USD',
  dollar: 'USD',
  ca$: 'CAD',
  c$: 'CAD',
  a$: 'AUD',
  '€': 'EUR',
  euro: 'EUR',
  '£': 'GBP',
  pound: 'GBP',
  '¥': 'JPY',
  yen: 'JPY',
  cent: 'CENT',
};
const CODES = 'USD|EUR|GBP|CHF|CAD|AUD|NZD|JPY|CNY|INR|MXN|BRL|NOK|SEK|DKK|PLN|CZK|HUF|TRY|ZAR|SGD|HKD|KRW';
/** Begins only where a run of digits begins, so that a long run is read once and not from each of its digits. */
const NUM = "(?<!\\d)(?:\\d{1,3}(?:[,'\\u00a0]\\d{3})+(?:\\.\\d+)?|\\d{1,3}(?:\\.\\d{3})+,\\d{1,2}|\\d+(?:[.,]\\d+)?)";
const MONTHS =
  'jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?';

/** `1,299.00` → `1299`, `49.90` → `49.9`, `49,90` → `49.9`: no thousands separators, no needless zeros. */
function decimal(raw: string): string {
  let plain = raw.replace(/['\u00a0]/g, '');
  if (plain.includes(',') && plain.includes('.')) {
    plain = plain.lastIndexOf(',') > plain.lastIndexOf('.') ? plain.replace(/\./g, '').replace(',', '.') : plain.replace(/,/g, '');
  } else if (plain.includes(',')) {
    plain = /^\d{1,3}(,\d{3})+$/.test(plain) ? plain.replace(/,/g, '') : plain.replace(',', '.');
  }
  const [whole = '0', fraction = ''] = plain.split('.');
  const kept = fraction.replace(/0+$/, '');
  return `${whole.replace(/^0+(?=\d)/, '')}${kept === '' ? '' : `.${kept}`}`;
}

const TENS_AND_ONES = /\b(twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[- ](one|two|three|four|five|six|seven|eight|nine)\b/gi;
const NUMBER_WORDS = new RegExp(
  `\\b(${Object.keys(WORD_NUMBERS)
    .filter((word) => word !== 'one')
    .join('|')})\\b`,
  'gi',
);
const ONE_OF_A_UNIT = new RegExp(
  `\\b(?:one|an?)(?=[ -](?:(?:single|full|working|business|calendar)[ -])?(?:${UNIT}|dollar|euro|pound|percent)\\b)`,
  'gi',
);
const numberOf = (word: string): number => WORD_NUMBERS[word.toLowerCase()] ?? 0;

/** Number words become digits, so that "five days" and "5 days" are one spelling. "one" and "a" do only before a unit. */
const spellNumbersAsDigits = (text: string): string =>
  text
    .replace(TENS_AND_ONES, (_, tens: string, ones: string) => String(numberOf(tens) + numberOf(ones)))
    .replace(NUMBER_WORDS, (word) => String(numberOf(word)))
    .replace(ONE_OF_A_UNIT, '1')
    .replace(/\ba (?=100\b)/gi, '');

function monthOf(name: string): string {
  const at = 'janfebmaraprmayjunjulaugsepoctnovdec'.indexOf(name.slice(0, 3).toLowerCase()) / 3 + 1;
  return String(at).padStart(2, '0');
}
const two = (part: string): string => part.padStart(2, '0');
const dateValue = (year: string | undefined, month: string, day: string): string => `${year ?? '-'}-${two(month)}-${two(day)}`;

/** `11/24/2026` and `24.11.2026` have one reading each, `03/04/2026` has two. */
function numericDate(first: string, second: string, year: string): string {
  const full = year.length === 2 ? `20${year}` : year;
  const readings = [
    ...(Number(first) <= 12 && Number(second) <= 31 ? [dateValue(full, first, second)] : []),
    ...(Number(second) <= 12 && Number(first) <= 31 && first !== second ? [dateValue(full, second, first)] : []),
  ];
  return readings.join('|') || `${first}/${second}/${full}`;
}

function timeValue(hour: string, minute: string | undefined, half: string | undefined): string {
  const late = half?.toLowerCase().startsWith('p') ?? false;
  const hours = half === undefined ? Number(hour) : (Number(hour) % 12) + (late ? 12 : 0);
  return `${two(String(hours))}:${minute ?? '00'}`;
}

function durationValue(amount: string, kind: string | undefined, unit: string): string {
  const value = Number(decimal(amount));
  const name = unit.toLowerCase().slice(0, 2);
  if (name === 'da') return `${value} ${kind && !/calendar/i.test(kind) ? 'workday' : 'day'}`;
  if (name === 'we') return `${value * 7} day`;
  if (name === 'mo') return `${value} month`;
  if (name === 'ye') return `${value * 12} month`;
  return name === 'ho' || name === 'hr' || name === 'h' ? `${value * 60} minute` : `${value} ${name === 'se' ? 'second' : 'minute'}`;
}

const currencyOf = (raw: string): string => CURRENCIES[raw.toLowerCase().replace(/s$/, '')] ?? raw.toUpperCase();

type Groups = (string | undefined)[];
type Rule = readonly [pattern: RegExp, read: (groups: Groups) => Claim[]];
/** Tried in this order; what one takes is gone for the next, so that an amount is no plain number as well. */
const RULES: readonly Rule[] = [
  [/\{\{[^{}]*\}\}/g, ([all = '']) => [{ kind: 'PLACEHOLDER', value: all.slice(2, -2) }]],
  [/[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g, ([all = '']) => [{ kind: 'EMAIL', value: all.toLowerCase() }]],
  [
    /(?:https?:\/\/|www\.)[^\s<>"'()[\]]*[^\s<>"'()[\].,;:!?]|\b(?:[a-z0-9-]{1,63}\.){1,8}(?:com|org|net|io|example|shop|store|info|app|co|eu|us|uk|de)\b(?:\/[^\s<>"'()[\]]*[^\s<>"'()[\].,;:!?])?/gi,
    ([all = '']) => [
      {
        kind: 'URL',
        value: all
          .toLowerCase()
          .replace(/^https?:\/\//, '')
          .replace(/^www\./, '')
          .replace(/\/$/, ''),
      },
    ],
  ],
  [/\b(\d{4})-(\d{2})-(\d{2})\b/g, ([, y, m = '', d = '']) => [{ kind: 'DATE', value: dateValue(y, m, d) }]],
  [/\b(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d{2})\b/g, ([, a = '', b = '', y = '']) => [{ kind: 'DATE', value: numericDate(a, b, y) }]],
  [
    new RegExp(`\\b(\\d{1,2})(?:st|nd|rd|th)?(?: of)? (${MONTHS})\\b\\.?(?:,? (\\d{4})\\b)?`, 'gi'),
    ([, d = '', m = '', y]) => [{ kind: 'DATE', value: dateValue(y, monthOf(m), d) }],
  ],
  [
    new RegExp(`\\b(${MONTHS})\\.? (\\d{1,2})(?:st|nd|rd|th)?\\b(?!\\.\\d)(?:,? (\\d{4})\\b)?`, 'gi'),
    ([, m = '', d = '', y]) => [{ kind: 'DATE', value: dateValue(y, monthOf(m), d) }],
  ],
  [/\b([01]?\d|2[0-3]):([0-5]\d)(?:\s*([ap])\.?m\b\.?)?/gi, ([, h = '', m, half]) => [{ kind: 'TIME', value: timeValue(h, m, half) }]],
  [/\b(1[0-2]|0?[1-9])\s*([ap])\.?m\b\.?/gi, ([, h = '', half]) => [{ kind: 'TIME', value: timeValue(h, undefined, half) }]],
  [
    new RegExp(`((?:US|CA|C|A)?\\$|€|£|¥)\\s?(${NUM})(?:\\s?(?:${CODES})\\b)?`, 'gi'),
    ([, currency = '', n = '']) => [{ kind: 'MONEY', value: `${decimal(n)} ${currencyOf(currency)}` }],
  ],
  [
    new RegExp(`(${NUM})[\\s-]?(€|£|¥|\\$|(?:${CODES}|dollars?|euros?|pounds?|yen|cents?)\\b)`, 'gi'),
    ([, n = '', currency = '']) => [{ kind: 'MONEY', value: `${decimal(n)} ${currencyOf(currency)}` }],
  ],
  [
    new RegExp(`\\b(${CODES})\\s?(${NUM})`, 'g'),
    ([, currency = '', n = '']) => [{ kind: 'MONEY', value: `${decimal(n)} ${currencyOf(currency)}` }],
  ],
  [new RegExp(`(${NUM})\\s?(?:%|per ?cent\\b)`, 'gi'), ([, n = '']) => [{ kind: 'PERCENT', value: decimal(n) }]],
  [
    new RegExp(
      `(?<![\\w.,])(${NUM})(?:\\s?(?:-|–|to|or|and)\\s?(${NUM}))?[\\s-]?(?:(working|business|calendar)[\\s-])?(?:single |full )?(${UNIT}|h)\\b`,
      'gi',
    ),
    ([, from = '', to, kind, unit = '']) =>
      [from, ...(to === undefined ? [] : [to])].map((n) => ({ kind: 'DURATION' as const, value: durationValue(n, kind, unit) })),
  ],
  [
    /\+\d[\d\s().-]{5,}\d|\(?\b\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}\b|\b\d{3}[\s-]\d{4}\b/g,
    ([all = '']) => [{ kind: 'PHONE', value: all.replace(/\D/g, '') }],
  ],
  [/(?<![\w-])(\d+)(?:st|nd|rd|th)\b/gi, ([, n = '']) => [{ kind: 'NUMBER', value: decimal(n) }]],
  [
    /(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9]+(?:[-_/][A-Za-z0-9]+)*/g,
    ([all = '']) => [{ kind: 'IDENTIFIER', value: all.toLowerCase() }],
  ],
  [new RegExp(NUM, 'g'), ([all = '']) => [{ kind: 'NUMBER', value: decimal(all) }]],
  [/\b(mon|tues|wednes|thurs|fri|satur|sun)days?\b/gi, ([, day = '']) => [{ kind: 'DAY', value: day.toLowerCase() }]],
  [
    /\b(January|February|April|June|July|August|September|October|November|December)\b|(?<=\b(?:in|of|until|by|since) )(March|May)\b/g,
    ([all = '']) => [{ kind: 'DAY', value: all.toLowerCase() }],
  ],
  [
    /\b(immediately|instantly|right away|straight away|at once|without delay|asap|as soon as possible)\b/gi,
    () => [{ kind: 'RELATIVE_TIME', value: 'at once' }],
  ],
  [
    /\b(today|tonight|tomorrow|yesterday|(?:this|next|last) (?:week|weekend|month|year|morning|afternoon|evening))\b/gi,
    ([all = '']) => [{ kind: 'RELATIVE_TIME', value: all.toLowerCase() }],
  ],
  [
    /\b(?<!(?:feel|are|be) )(?<!-)free(?! to\b)(?: of charge)?\b|\b(?:no|without|zero)(?: (?:any|extra|additional|further))* (?:cost|charge|fee)s?\b|\bcomplimentary\b|\bcosts? nothing\b/gi,
    () => [{ kind: 'FREE', value: '0' }],
  ],
];

/**
 * Every hard fact that a text states, in normal form, and the text without them.
 * @returns `claims` in the order of the rules, and `rest` with `¦` where each claim stood, so that what it divided does not join.
 */
export function readClaims(text: string): { claims: Claim[]; rest: string } {
  const claims: Claim[] = [];
  let rest = spellNumbersAsDigits(text);
  for (const [pattern, read] of RULES) {
    rest = rest.replace(pattern, (...match: unknown[]) => {
      const groups = match.slice(
        0,
        match.findIndex((part) => typeof part === 'number'),
      ) as Groups;
      claims.push(...read(groups));
      return ' ¦ ';
    });
  }
  return { claims, rest };
}
