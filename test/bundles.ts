import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SHIPPED } from '../services/inference/inference.fixture.js';

/** A bundle in `folder` that differs from the shipped one in its version, and so in its digest, alone. */
export async function copyShipped(folder: string, version: string): Promise<string> {
  await cp(SHIPPED, folder, { recursive: true });
  const file = join(folder, 'manifest.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...manifest, version }));
  return folder;
}

/** Turns one bit in the middle of a bundle's trunk. */
export async function damage(folder: string): Promise<void> {
  const file = join(folder, 'trunk.onnx');
  const bytes = await readFile(file);
  const middle = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  await writeFile(file, bytes);
}
