import type { Correction, IntentSummary, Summary } from '../gen/replymesh/v1/analytics_service.js';

const NAME = 20;
const INTENT = 32;
const UNKNOWN = 'unknown';

/** Figures of a period for a person at a terminal, in 80 columns. */
export function renderSummary(summary: Summary): string {
  const { responseTime, satisfaction, resolution, correction } = summary;
  const times = [responseTime?.p50Ms, responseTime?.p95Ms, responseTime?.p99Ms].map((ms) => told(ms, duration));
  const figures: (readonly [string, string])[] = [
    ['messages', count(summary.volume)],
    ['sent unseen', told(summary.automationRate, percent)],
    ['for a glance', told(summary.draftRate, percent)],
    ['for a person', told(summary.escalationRate, percent)],
    ['confidence', told(summary.confidence?.mean, (mean) => `${mean.toFixed(3)} on average`)],
    ['uncertainty', told(summary.uncertainty?.mean, (mean) => `${mean.toFixed(3)} nats on average`)],
    ['response time', responseTime?.count ? `half within ${times[0]}, 95 % within ${times[1]}, 99 % within ${times[2]}` : UNKNOWN],
    ['satisfaction', told(satisfaction?.mean, (mean) => `${mean.toFixed(2)} of 5, said of ${count(satisfaction!.count)}`)],
    [
      'resolved',
      `${count(resolution?.confirmedResolutions)} confirmed, ${count(resolution?.confirmedNonResolutions)} not, nobody said of ${count(resolution?.silences)}`,
    ],
    ['time to resolution', told(resolution?.meanResolutionSeconds, (seconds) => `${duration(seconds * 1000)} on average`)],
    ['intent corrected', corrected(correction)],
  ];
  return [
    `${hour(summary.startTime)} to ${hour(summary.endTime)} UTC\n`,
    ...(summary.recounting ? ['Older messages are still being counted: figures may be too low.\n'] : []),
    '\n',
    ...figures.map(([name, value]) => `  ${name.padEnd(NAME)}${value}\n`),
    ...(summary.intents.length === 0 ? [] : ['\n', `  ${'intent'.padEnd(INTENT)}messages   unseen   person  sure  corrected\n`]),
    ...summary.intents.map((intent) => `  ${row(intent)}\n`),
  ].join('');
}

function row({ intent, volume, automationRate, escalationRate, meanConfidence, correction }: IntentSummary): string {
  const name = intent === '' ? '(not understood)' : intent;
  const clipped = name.length < INTENT ? name : `${name.slice(0, INTENT - 2)}…`;
  const known = correction && correction.withFeedback > 0;
  return [
    clipped.padEnd(INTENT),
    count(volume).padStart(8),
    told(automationRate, percent).padStart(9),
    told(escalationRate, percent).padStart(9),
    (meanConfidence === undefined ? '' : meanConfidence.toFixed(2)).padStart(6),
    `  ${known ? `${count(correction.corrected)} of ${count(correction.withFeedback)}` : ''}`,
  ]
    .join('')
    .trimEnd();
}

const corrected = (correction: Correction | undefined): string =>
  told(correction?.correctedShare, (share) => `${percent(share)} of the ${count(correction!.withFeedback)} with feedback`);

const told = (value: number | undefined, as: (value: number) => string): string => (value === undefined ? UNKNOWN : as(value));
const count = (value = 0): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',');
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const hour = (time: Date | undefined): string => time?.toISOString().slice(0, 16).replace('T', ' ') ?? UNKNOWN;

const UNITS = [
  [86_400_000, 'days'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const;

/** In the largest unit that leaves at least two of it. */
function duration(ms: number): string {
  const [length, unit] = UNITS.find(([unitMs]) => ms >= 2 * unitMs) ?? [1, 'ms'];
  return `${(ms / length).toFixed(length === 1 ? 0 : 1)} ${unit}`;
}
