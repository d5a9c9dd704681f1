import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { type BundleFile, BundleManifest, type LabelSpace } from '../../gen/replymesh/type/v1/bundle.js';
import { messageType, violationsOf } from '../../lib/contract.js';
import { StartError } from '../../lib/errors.js';
import { contradictionsIn, type Manifest } from './manifest.js';
import { externalTensors } from './onnxFile.js';

/** A bundle whose manifest and files were checked. */
export interface Bundle {
  readonly dir: string;
  /** SHA-256 of `manifest.json`, lower-case hexadecimal. */
  readonly digest: string;
  readonly manifest: Manifest;
  readonly spaces: ReadonlyMap<string, LabelSpace>;
  readonly defaultSpace: LabelSpace;
}

/** A manifest that keeps its rules; the files it declares were not looked at. */
export type ReadManifest = Pick<Bundle, 'dir' | 'digest' | 'manifest'>;

export const MANIFEST = 'manifest.json';
const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;

/**
 * Opens the bundle in `dir`: every file has the size and digest that the manifest gives, lies inside of the folder and refers to nothing outside.
 * @throws StartError that names the file or field and what to do
 */
export async function openBundle(dir: string, defaultLabelSpace: string): Promise<Bundle> {
  const { dir: root, digest, manifest } = await readManifest(dir);
  for (const file of manifest.files) {
    const content = await readBundleFile(root, file);
    if (file.path.endsWith('.onnx')) refuseExternalData(root, file.path, content);
  }
  const spaces = new Map(manifest.spaces.map((space) => [space.name, space]));
  const known = [...spaces.keys()].join(', ');
  const defaultSpace =
    spaces.get(defaultLabelSpace) ??
    refuse(root, `it has no label space "${defaultLabelSpace}". Set REPLYMESH_DEFAULT_LABEL_SPACE to one of: ${known}.`);
  return { dir: root, digest, manifest, spaces, defaultSpace };
}

/** Reads the manifest of the bundle in `dir` alone. @throws StartError that names the field and what to do */
export async function readManifest(dir: string): Promise<ReadManifest> {
  const root = await realpath(dir).catch(() =>
    refuse(dir, 'the folder is not there. Set REPLYMESH_BUNDLE_DIR to a folder with manifest.json.'),
  );
  const bytes = await readInside(root, MANIFEST, MAX_MANIFEST_BYTES);
  const manifest = parseManifest(root, bytes);
  const contradictions = contradictionsIn(manifest);
  if (contradictions.length > 0) refuse(root, `${MANIFEST}: ${contradictions.join(' ')} Train or fetch the bundle again.`);
  return { dir: root, digest: sha256(bytes), manifest };
}

/** Reads one declared file and checks it; the worker that loads it does so again, so that a file changed in between is not run. */
export async function readBundleFile(root: string, file: BundleFile): Promise<Uint8Array> {
  const content = await readInside(root, file.path, file.sizeBytes);
  if (content.length !== file.sizeBytes) {
    refuse(root, `${file.path}: it has ${content.length} bytes, the manifest says ${file.sizeBytes}. Fetch the bundle again.`);
  }
  const digest = sha256(content);
  if (digest !== file.sha256)
    refuse(root, `${file.path}: its SHA-256 is ${digest}, the manifest says ${file.sha256}. Fetch the bundle again.`);
  return content;
}

/** The declared file of that path. @throws StartError when the manifest has none */
export const declaredFile = (bundle: Pick<Bundle, 'dir' | 'manifest'>, path: string): BundleFile =>
  bundle.manifest.files.find((f) => f.path === path) ?? refuse(bundle.dir, `${path} is not among the manifest's "files".`);

function parseManifest(root: string, bytes: Uint8Array): Manifest {
  const schema = messageType('replymesh.type.v1.BundleManifest');
  let encoded: Uint8Array;
  try {
    const json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as JsonValue;
    encoded = toBinary(schema, fromJson(schema, json));
  } catch (error) {
    return refuse(root, `${MANIFEST} is not the JSON of replymesh.type.v1.BundleManifest: ${(error as Error).message}.`);
  }
  const broken = violationsOf(schema, encoded);
  if (broken.length > 0) refuse(root, `${MANIFEST} breaks the contract: ${broken.map((v) => `${v.field} ${v.description}`).join('; ')}.`);
  return BundleManifest.decode(encoded) as Manifest;
}

/** Reads a regular file below `root` without following a symbolic link anywhere on the way. */
async function readInside(root: string, path: string, maxBytes: number): Promise<Uint8Array> {
  const steps = path.split('/');
  for (let depth = 1; depth < steps.length; depth++) await refuseLink(root, steps.slice(0, depth).join('/'));
  await refuseLink(root, path);
  // O_NOFOLLOW: the path may have become a link since it was looked at. O_NONBLOCK: a pipe must not stop the start.
  const file = await open(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: Error) =>
    refuse(root, `${path} cannot be read: ${error.message}.`),
  );
  try {
    const stat = await file.stat();
    if (!stat.isFile()) refuse(root, `${path} is not a regular file.`);
    if (stat.size > maxBytes)
      refuse(root, `${path}: it has ${stat.size} bytes, at most ${maxBytes} were expected. Fetch the bundle again.`);
    return await readFile(file);
  } finally {
    await file.close();
  }
}

async function refuseLink(root: string, path: string): Promise<void> {
  const stat = await lstat(join(root, path)).catch(() => undefined);
  if (!stat) refuse(root, `${path} is not there. Fetch the bundle again, or set REPLYMESH_BUNDLE_DIR to one that is whole.`);
  else if (stat.isSymbolicLink())
    refuse(root, `${path} is a symbolic link. A bundle holds its files itself: copy the file into the folder.`);
}

function refuseExternalData(root: string, path: string, content: Uint8Array): void {
  let external: string[];
  try {
    external = externalTensors(content);
  } catch {
    refuse(root, `${path} is not an ONNX model.`);
  }
  if (external.length > 0)
    refuse(root, `${path}: tensor "${external[0]}" has its data outside of the file. Export it with the data inside.`);
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function refuse(root: string, problem: string): never {
  throw new StartError(`Bundle ${root}: ${problem}`);
}
