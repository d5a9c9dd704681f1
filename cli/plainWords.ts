// By the names of the contract's enums; one without words is shown by its name.

/** What an action means for whoever asked. */
export const ACTION_WORDS: Readonly<Record<string, string>> = {
  UNSPECIFIED: 'nothing was decided',
  AUTO: 'the reply may be sent unseen',
  DRAFT: 'a person should look at the reply before it is sent',
  ESCALATE: 'a person should answer this message',
};

export const REASON_WORDS: Readonly<Record<string, string>> = {
  UNSPECIFIED: 'no reason was given',
  PERMITTED: 'policy, scores and sources allow it',
  NO_INFERENCE: 'the models could not be reached',
  OUT_OF_SCOPE: 'it is about something that the models do not know',
  INTENT_OFF: 'the policy gives this intent to a person',
  AMBIGUOUS: 'more than one intent remains likely',
  CONFIDENCE_TOO_LOW: 'the models are too unsure even for a draft',
  PRIORITY_TOO_HIGH: 'the policy gives a priority this high to a person',
  INTENT_DRAFT_ONLY: 'the policy wants a glance at this intent',
  CONFIDENCE_BELOW_AUTO: 'the models are not sure enough to send it unseen',
  UNCERTAIN: 'the models disagree with themselves',
  NO_SOURCE: 'no article supports the reply',
  UNSUPPORTED_SENTENCE: 'a sentence that no article supports was withheld',
  INCOMPLETE_REPLY: 'the reply broke off before its end',
  DEGRADED: 'a part of the mesh was missing',
};

/** What was missing, and what stood in for it. */
export const DEGRADATION_WORDS: Readonly<Record<string, string>> = {
  UNSPECIFIED: 'something that was not named',
  CONTEXT_UNAVAILABLE: 'context did not answer: nothing is known of the customer',
  INFERENCE_UNAVAILABLE: 'inference did not answer: the message was not understood',
  GENERATOR_UNAVAILABLE: 'the generator did not answer: this is a holding reply',
  KNOWLEDGE_UNAVAILABLE: 'the articles could not be searched: the reply has no sources',
  LANGUAGE_MODEL_UNAVAILABLE: 'the language model failed: this is approved wording, or it broke off',
  LANGUAGE_MODEL_UNUSABLE: 'the language model wrote nothing that may be sent: this is approved wording',
  RECORD_SPOOLED: 'not in the database yet: the record waits on the gateway’s disk',
};
