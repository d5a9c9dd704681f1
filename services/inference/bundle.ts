import { realpath } from 'node:fs/promises';
import { fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { BundleManifest, type LabelSpace } from '../../gen/replymesh/type/v1/bundle.js';
import { messageType, violationsOf } from '../../lib/contract.js';
import { readInside, refuse, sha256 } from './bundleFile.js';
import { checkFiles } from './checkFiles.js';
import { encoderDigest } from './encoderDigest.js';
import { contradictionsIn, type Manifest } from './manifest.js';

/** A bundle whose manifest and files were checked. */
export interface Bundle {
  readonly dir: string;
  /** SHA-256 of `manifest.json`, lower-case hexadecimal. */
  readonly digest: string;
  /** What its embeddings are known by; see `encoderDigest`. */
  readonly encoderDigest: string;
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
  await checkFiles(root, manifest.files);
  const spaces = new Map(manifest.spaces.map((space) => [space.name, space]));
  const known = [...spaces.keys()].join(', ');
  const defaultSpace =
    spaces.get(defaultLabelSpace) ??
    refuse(root, `it has no label space "${defaultLabelSpace}". Set REPLYMESH_DEFAULT_LABEL_SPACE to one of: ${known}.`);
  return { dir: root, digest, encoderDigest: encoderDigest(manifest), manifest, spaces, defaultSpace };
}

/** Reads the manifest of the bundle in `dir` alone. @throws StartError that names the field and what to do */
export async function readManifest(dir: string): Promise<ReadManifest> {
  const root = await realpath(dir).catch(() =>
    refuse(dir, 'the folder is not there. Name one with manifest.json; the mesh has its own from REPLYMESH_BUNDLE_DIR.'),
  );
  const bytes = await readInside(root, MANIFEST, MAX_MANIFEST_BYTES);
  const manifest = parseManifest(root, bytes);
  const contradictions = contradictionsIn(manifest);
  if (contradictions.length > 0) refuse(root, `${MANIFEST}: ${contradictions.join(' ')} Train or fetch the bundle again.`);
  return { dir: root, digest: sha256(bytes), manifest };
}

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
