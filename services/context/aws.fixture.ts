import { gunzipSync } from 'node:zlib';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateEventBusCommand, EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb';

/** The SDK's own variables, for this process and those that tests start. */
export const AWS_ENV = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
Object.assign(process.env, AWS_ENV);

/** What reaches a reader. */
export interface ReadEvent {
  readonly event_id: string;
  readonly type: string;
  readonly payload: object;
}

export async function makeTable(endpoint: string, name: string, keys: readonly string[] = ['tenant', 'event_id']) {
  const client = new DynamoDBClient({ endpoint });
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: keys.map((AttributeName, i) => ({ AttributeName, KeyType: i === 0 ? 'HASH' : 'RANGE' })),
    }),
  );
  const items = async () => {
    const found: Record<string, unknown>[] = [];
    for await (const { Items = [] } of paginateScan({ client: DynamoDBDocumentClient.from(client) }, { TableName: name }))
      found.push(...Items);
    return found;
  };
  return { items, ids: async () => (await items()).map((item) => item['event_id'] as string).sort() };
}

export async function makeBucket(endpoint: string, name: string) {
  const client = new S3Client({ endpoint, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: name, CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } }));
  const files = async () => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: name }));
    const read = Contents.map(async ({ Key = '' }) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: name, Key }));
      const text = gunzipSync((await Body?.transformToByteArray()) ?? new Uint8Array()).toString();
      const lines = text.trimEnd().split('\n');
      return { key: Key, events: lines.map((line) => JSON.parse(line) as ReadEvent) };
    });
    return Promise.all(read);
  };
  return { files, ids: async () => (await files()).flatMap(({ events }) => events.map((event) => event.event_id)).sort() };
}

/** A bus whose every event goes to a queue. */
export async function makeBus(endpoint: string, name: string) {
  const [bridge, queues] = [new EventBridgeClient({ endpoint }), new SQSClient({ endpoint })];
  await bridge.send(new CreateEventBusCommand({ Name: name }));
  const { QueueUrl = '' } = await queues.send(new CreateQueueCommand({ QueueName: name }));
  await bridge.send(new PutRuleCommand({ Name: 'all', EventBusName: name, EventPattern: JSON.stringify({ source: ['replymesh'] }) }));
  const Arn = `arn:aws:sqs:eu-west-1:123456789012:${name}`;
  await bridge.send(new PutTargetsCommand({ Rule: 'all', EventBusName: name, Targets: [{ Id: 'queue', Arn }] }));
  const received: { 'detail-type': string; detail: ReadEvent }[] = [];
  /** Ids of all that has come, as often as it came. */
  const ids = async () => {
    for (;;) {
      const { Messages = [] } = await queues.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
      if (Messages.length === 0) return received.map(({ detail }) => detail.event_id).sort();
      received.push(...Messages.map(({ Body = '' }) => JSON.parse(Body) as (typeof received)[number]));
      const Entries = Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
      await queues.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    }
  };
  return { received, ids };
}
