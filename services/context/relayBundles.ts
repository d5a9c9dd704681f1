import { createHash } from 'node:crypto';
import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ClientError, Status } from 'nice-grpc';
import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { background } from '../../lib/call.js';
import type { MeshClient } from '../../lib/client.js';
import { awsClient, requireRegion } from './aws.js';
import type { OutboxEvent, Refusal, Sink } from './relaySink.js';

interface Options {
  readonly bucket: string;
  readonly endpoint: string | undefined;
  readonly inference: Pick<MeshClient<InferenceServiceDefinition>, 'readBundleFile'>;
}

const MANIFEST = 'manifest.json';
const READ_TIMEOUT_MS = 60_000;
const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

/**
 * Every bundle that was promoted, file by file below `bundles/<digest>/`, so that it can be fetched when the models folder is gone. What is there is never
 * written again, and the manifest comes last: where it is, the bundle is whole. @throws StartError
 */
export async function openBundleSink({ bucket, endpoint, inference }: Options): Promise<Sink> {
  const client = new S3Client({ ...awsClient(endpoint), forcePathStyle: endpoint !== undefined });
  await requireRegion(client);

  const read = async (digest: string, path: string, signal: AbortSignal): Promise<Buffer> => {
    const within = background({ tenant: 'replymesh', timeoutMs: READ_TIMEOUT_MS, signal });
    const parts: Uint8Array[] = [];
    for await (const { content } of inference.readBundleFile({ digest, path }, { within })) parts.push(content);
    return Buffer.concat(parts);
  };
  const isThere = (at: { Bucket: string; Key: string }, abortSignal: AbortSignal): Promise<boolean> =>
    client.send(new HeadObjectCommand(at), { abortSignal }).then(
      () => true,
      (error: { readonly $metadata?: { readonly httpStatusCode?: number } }) => {
        // Who may not list the bucket hears 403 of what is not there; the put then tells what may be done.
        if ([403, 404].includes(error.$metadata?.httpStatusCode ?? 0)) return false;
        throw error;
      },
    );
  const put = async (digest: string, path: string, expected: string, signal: AbortSignal, known?: Buffer): Promise<void> => {
    const at = { Bucket: bucket, Key: `bundles/${digest}/${path}` };
    if (await isThere(at, signal)) return;
    const content = known ?? (await read(digest, path, signal));
    if (sha256(content) !== expected) throw new Error(`${path} of bundle ${digest} is not what its manifest says.`);
    await client.send(new PutObjectCommand({ ...at, Body: content, IfNoneMatch: '*' }), { abortSignal: signal }).catch((error: Error) => {
      if (error.name !== 'PreconditionFailed') throw error;
    });
  };
  const upload = async (digest: string, signal: AbortSignal): Promise<void> => {
    const manifest = await read(digest, MANIFEST, signal);
    const { files } = JSON.parse(manifest.toString()) as { files: { path: string; sha256: string }[] };
    for (const file of files) await put(digest, file.path, file.sha256, signal);
    await put(digest, MANIFEST, digest, signal, manifest);
  };

  return {
    name: 'bundles',
    batchSize: 500,
    deliver: async (events, signal) => {
      const refused: Refusal[] = [];
      for (const event of events.filter(isPromotion)) {
        await upload(String(event.payload['bundle_digest']), signal).catch((error: unknown) => {
          if (!isGone(error)) throw error;
          refused.push({ event, error: 'the bundle is not there any more, or broken' });
        });
      }
      return refused;
    },
    close: () => client.destroy(),
  };
}

const isPromotion = ({ type }: OutboxEvent): boolean => type === 'ModelPromoted';
/** No later try would find it. */
const isGone = (error: unknown): boolean =>
  error instanceof ClientError && (error.code === Status.NOT_FOUND || error.code === Status.FAILED_PRECONDITION);
