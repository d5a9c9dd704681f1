/** What a field of an event holds. */
interface Field<T> {
  readonly form: string;
  readonly doc: string;
  /** Never there at run time: carries the type alone. */
  readonly type?: T;
}
const text = (doc: string): Field<string> => ({ form: 'text', doc });
const time = (doc: string): Field<string> => ({ form: 'time, RFC 3339', doc });
const number = (doc: string): Field<number> => ({ form: 'number', doc });
const numberOrNull = (doc: string): Field<number | null> => ({ form: 'number or null', doc });
const booleanOrNull = (doc: string): Field<boolean | null> => ({ form: 'boolean or null', doc });

const labelsOrNull = (doc: string): Field<Readonly<Record<string, string>> | null> => ({ form: 'object of texts, or null', doc });

const query = {
  query_id: text('Its id, `qry_…`.'),
  customer_id: text("The caller's id of the customer; empty when none was given."),
  channel: text('`Channel` of the API.'),
  label_space: text('The space that was asked for.'),
  intent: text('The first intent; empty without any.'),
  sentiment: text('`SentimentLabel` of the API.'),
  confidence: number('Calibrated, 0 to 1.'),
  uncertainty_score: numberOrNull('Predictive entropy in nats; null without inference.'),
  out_of_scope: booleanOrNull('Whether it was about none of the intents; null without inference.'),
  priority: text('`PriorityLevel` of the API.'),
  priority_score: number('0 to 1.'),
  action: text('`Action` of the API.'),
  reason: text('`DecisionReason` of the API.'),
  response_time_ms: number('From request to reply, milliseconds.'),
  customer_tier: text('`CustomerTier` of the API.'),
  model_version: text("SHA-256 of the bundle's manifest; empty without inference."),
  votes: labelsOrNull("Each base model's first choice, by the model's name; null without inference."),
  create_time: time('When the message was accepted.'),
};

/** Every event there is. Numbers, labels and ids: no word of a customer may be in one. A field that is here stays; new ones may come. */
export const events = {
  QueryProcessed: { doc: 'A message was answered, or a draft of its answer waits for a person.', fields: query },
  QueryEscalated: { doc: 'A message was handed to a person.', fields: query },
  FeedbackReceived: {
    doc: 'Somebody said how good an answer was.',
    fields: {
      feedback_id: text('Its id, `fbk_…`.'),
      query_id: text('The message that it is about.'),
      customer_id: text("As in the message's own event."),
      intent: text("As in the message's own event."),
      model_version: text("As in the message's own event."),
      satisfaction: numberOrNull('1 to 5; null when it was not said.'),
      resolved: booleanOrNull('Whether the matter is resolved; null when it was not said.'),
      corrected_intent: text(
        'The right intent, when the first one was wrong; `other` when what was said is no label of the message’s space; else empty.',
      ),
      create_time: time('When it was given.'),
    },
  },
  ReviewResolved: {
    doc: 'A person said what is to become of a decision.',
    fields: {
      query_id: text('The message that it is about.'),
      customer_id: text("As in the message's own event."),
      label_space: text('The space of the label.'),
      intent: text("As in the message's own event."),
      model_version: text("As in the message's own event."),
      outcome: text('`ReviewOutcome` of the API.'),
      label: text('What the message is about, as the person said or confirmed; empty when neither.'),
      agreed: booleanOrNull('Whether the models had said so; null when nobody said.'),
      drawn: text('Why it came before them: `random` or `chosen`.'),
      create_time: time('When it was said.'),
    },
  },
  DriftDetected: {
    doc: 'A window of messages is unlike what the served bundle was fitted on.',
    fields: {
      report_id: text('Of the drift report, `drf_…`.'),
      model_name: text('Name of the bundle.'),
      model_version: text("SHA-256 of the bundle's manifest."),
      label_space: text('The space whose messages have drifted.'),
      score: number('The largest measure as a multiple of its limit; above 1.'),
      measure: text('That measure: `DriftMeasureKind` of the API.'),
      feature: text('The text feature that it is about; empty for all other measures.'),
      rows: number('Messages that were compared.'),
      window_start: time('Beginning of the window.'),
      window_end: time('Its end.'),
      retraining: text('`RetrainingVerdict` of the API.'),
    },
  },
  ModelPromoted: {
    doc: 'Another bundle of models is served, for every tenant: it was promoted, or an earlier one came back. Told in the tenant of whoever changed it.',
    fields: {
      change_id: text('Of the change, `chg_…`.'),
      kind: text('`ModelChangeKind` of the mesh: `PROMOTED` or `ROLLED_BACK`.'),
      bundle_digest: text("SHA-256 of the bundle's manifest."),
      previous_digest: text('The same of the bundle before.'),
      model_name: text('Name of the bundle; empty when its manifest cannot be read any more.'),
      bundle_version: text('Its version; likewise.'),
      create_time: time('When it changed.'),
    },
  },
} as const satisfies Readonly<Record<string, { readonly doc: string; readonly fields: Readonly<Record<string, Field<unknown>>> }>>;

export type EventType = keyof typeof events;
type TypeOf<F> = F extends Field<infer T> ? T : never;
export type Payload<E extends EventType> = { readonly [K in keyof (typeof events)[E]['fields']]: TypeOf<(typeof events)[E]['fields'][K]> };
