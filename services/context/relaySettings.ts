import { integer, text, url } from '../../lib/config.js';

/** Where events are relayed to; what is not set is not relayed to. */
export const relaySettings = {
  relayDynamodbTable: text({
    env: 'REPLYMESH_RELAY_DYNAMODB_TABLE',
    optional: true,
    doc: 'DynamoDB table that gets an item for each event.',
  }),
  relayS3Bucket: text({
    env: 'REPLYMESH_RELAY_S3_BUCKET',
    optional: true,
    doc: 'S3 bucket that gets the events as files of gzipped JSON lines, and every bundle of models that is promoted.',
  }),
  relayS3FlushMs: integer({
    env: 'REPLYMESH_RELAY_S3_FLUSH_MS',
    min: 0,
    max: 3_600_000,
    default: 60_000,
    doc: 'How long events wait for more of them to share a file with.',
  }),
  relayEventbridgeBus: text({
    env: 'REPLYMESH_RELAY_EVENTBRIDGE_BUS',
    optional: true,
    doc: 'EventBridge bus that gets each event: its name or ARN.',
  }),
  relayAwsEndpoint: url({
    env: 'REPLYMESH_RELAY_AWS_ENDPOINT',
    protocols: ['http:', 'https:'],
    optional: true,
    doc: "A server in the place of AWS. Region and credentials come from AWS's own variables and files, as for every program of theirs.",
  }),
  relayMlflowUri: url({
    env: 'REPLYMESH_RELAY_MLFLOW_URI',
    protocols: ['http:', 'https:'],
    optional: true,
    doc: 'MLflow server that gets the curves of each bundle; user and password may be part of it.',
  }),
  relayMlflowWindowMs: integer({
    env: 'REPLYMESH_RELAY_MLFLOW_WINDOW_MS',
    min: 1000,
    max: 86_400_000,
    default: 300_000,
    doc: 'How much time one point of a curve tells of.',
  }),
  outboxRetentionDays: integer({
    env: 'REPLYMESH_OUTBOX_RETENTION_DAYS',
    min: 0,
    max: 3650,
    default: 7,
    doc: 'How many days events are kept at least. They go when every sink that is set has got them and analytics has counted them.',
  }),
};
