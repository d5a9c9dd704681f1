import { Status } from 'nice-grpc';
import type { ErrorReason } from '../gen/replymesh/type/v1/error.js';
import { defineErrors, kitErrors } from '../lib/errors.js';

/** Without the one that is deprecated because nothing gives it. */
type Reason = Exclude<keyof typeof ErrorReason, 'UNSPECIFIED' | 'LANGUAGE_MODEL_FAILED'>;
type None = Record<never, string>;

/** The one catalogue: every reason of `ErrorReason`, its status code and its message. `docs/reference/errors.md` is generated from it. */
export const { specs, fault, fail } = defineErrors({
  ...kitErrors,
  RATE_LIMITED: {
    code: Status.RESOURCE_EXHAUSTED,
    message: (m: { limit: number }) => `More than ${m.limit} requests a second came from this caller. Retry after the time in RetryInfo.`,
  },
  BODY_MALFORMED: {
    code: Status.INVALID_ARGUMENT,
    message: (_: None) => "The body is not the JSON of this method's request.",
  },
  LABEL_SPACE_UNKNOWN: {
    code: Status.NOT_FOUND,
    message: (m: { space: string; known: string }) => `Label space "${m.space}" is not in this bundle. Use one of: ${m.known}.`,
  },
  INFERENCE_BUSY: {
    code: Status.RESOURCE_EXHAUSTED,
    message: (m: { queued: number }) => `All model workers are busy and ${m.queued} requests wait. Retry after the time in RetryInfo.`,
  },
  BUNDLE_UNKNOWN: {
    code: Status.NOT_FOUND,
    message: (m: { digest: string }) => `The models folder has no bundle "${m.digest}". Add it first; ListBundles tells what is there.`,
  },
  BUNDLE_BROKEN: {
    code: Status.FAILED_PRECONDITION,
    message: (m: { digest: string; problem: string }) => `Bundle ${m.digest} cannot be served, and the one before goes on: ${m.problem}`,
  },
  NO_EARLIER_BUNDLE: {
    code: Status.FAILED_PRECONDITION,
    message: (_: None) => 'There was no other champion before this one. Promote the bundle that is to be served.',
  },
  BUNDLE_NAMES_UNUSABLE: {
    code: Status.FAILED_PRECONDITION,
    message: (m: { problem: string }) => `The names of the bundles cannot be used, and the bundle that is served goes on: ${m.problem}`,
  },
  QUERY_NOT_FOUND: {
    code: Status.NOT_FOUND,
    message: (m: { id: string }) => `No query has the id "${m.id}".`,
  },
  ARTICLE_NOT_FOUND: {
    code: Status.NOT_FOUND,
    message: (m: { id: string }) => `No article has the id "${m.id}".`,
  },
  ARTICLE_EXISTS: {
    code: Status.ALREADY_EXISTS,
    message: (m: { id: string }) => `An article with the id "${m.id}" exists already. Update it, or choose another id.`,
  },
  ARTICLE_CHANGED: {
    code: Status.ABORTED,
    message: (m: { id: string }) => `Article "${m.id}" has changed since you read it. Read it again and repeat the change.`,
  },
  NO_CHALLENGER: {
    code: Status.FAILED_PRECONDITION,
    message: (_: None) =>
      'No challenger reads messages beside the served bundle. Add one with "models add", and set REPLYMESH_SHADOW_PERCENT.',
  },
  DRIFT_REPORT_NOT_FOUND: {
    code: Status.NOT_FOUND,
    message: (m: { id: string }) => `There is no drift report "${m.id}". List those that there are.`,
  },
  PAGE_TOKEN_INVALID: {
    code: Status.INVALID_ARGUMENT,
    message: (_: None) => 'The page token was not made for this list and these filters. Start again without one.',
  },
  REQUEST_ID_REUSED: {
    code: Status.ALREADY_EXISTS,
    message: (m: { request_id: string }) => `Request id "${m.request_id}" was used for a different request. Use a new one.`,
  },
  REQUEST_IN_PROGRESS: {
    code: Status.ABORTED,
    message: (m: { request_id: string }) =>
      `The first request with id "${m.request_id}" is still being answered. Retry after the time in RetryInfo.`,
  },
  STORE_UNREACHABLE: {
    code: Status.UNAVAILABLE,
    message: (_: None) => 'The database does not answer. Retry in a moment.',
  },
  VALUE_REFUSED: {
    code: Status.INVALID_ARGUMENT,
    message: (m: { sql_state: string }) =>
      `The database cannot hold or compare a value of this request (SQLSTATE ${m.sql_state}). Correct it.`,
  },
  REVIEW_NOT_FOUND: {
    code: Status.NOT_FOUND,
    message: (m: { id: string }) => `No review is about "${m.id}": it was sent unseen and not drawn, or is gone.`,
  },
  REVIEW_CLAIMED: {
    code: Status.ABORTED,
    message: (m: { id: string; by: string }) =>
      `"${m.by}" works on the review of "${m.id}". Take another, or retry after the time in RetryInfo.`,
  },
  REVIEW_RESOLVED: {
    code: Status.FAILED_PRECONDITION,
    message: (m: { id: string }) => `The review of "${m.id}" was resolved before. Read it to see how.`,
  },
  LABEL_UNKNOWN: {
    code: Status.INVALID_ARGUMENT,
    message: (m: { label: string; space: string; known: string }) => `Label "${m.label}" is not in the space "${m.space}". Use ${m.known}.`,
  },
  CUSTOMER_NOT_FOUND: {
    code: Status.NOT_FOUND,
    message: (m: { id: string }) => `No profile of the customer "${m.id}" is stored. Store one with allow_missing.`,
  },
  CUSTOMER_ERASED: {
    code: Status.FAILED_PRECONDITION,
    message: (m: { id: string; at: string }) =>
      `Customer "${m.id}" was erased at ${m.at}: nothing that happened or was sent before that is stored. Send what is of later.`,
  },
  INTERACTION_NOT_FOUND: {
    code: Status.NOT_FOUND,
    message: (m: { id: string; customer_id: string }) =>
      `The history of the customer "${m.customer_id}" has no interaction "${m.id}" that another system brought.`,
  },
  QUERY_NOT_ACCEPTED: {
    code: Status.UNAVAILABLE,
    message: (_: None) => 'The message could not be stored anywhere, and so was not accepted. Retry in a moment.',
  },
} satisfies Record<Reason, { code: Status; message: (meta: never) => string }>);
