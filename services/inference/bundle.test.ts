import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { StartError } from '../../lib/errors.js';
import { openBundle } from './bundle.js';
import { SHIPPED } from './inference.fixture.js';
import { openModels } from './models.js';
import { input, node, onnxModel, output } from './onnxGraph.fixture.js';
import { openTokenizer } from './tokenizer.js';

const TRUNK = 'trunk.onnx';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** A copy of the shipped bundle to break. */
async function copied(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'replymesh-bundle-'));
  folders.push(folder);
  await cp(SHIPPED, folder, { recursive: true });
  return folder;
}

// The shape of the JSON is what a test takes apart.
// biome-ignore lint/suspicious/noExplicitAny: a manifest is broken in ways that no type allows
type AnyManifest = any;

async function editManifest(folder: string, edit: (manifest: AnyManifest) => void): Promise<void> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
  edit(manifest);
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

/** Writes a file and its size and digest into the manifest. */
async function replaceFile(folder: string, path: string, content: Uint8Array): Promise<void> {
  await writeFile(join(folder, path), content);
  await editManifest(folder, (m) => {
    const entry = m.files.find((f: AnyManifest) => f.path === path);
    entry.sizeBytes = String(content.length);
    entry.sha256 = createHash('sha256').update(content).digest('hex');
  });
}

async function refusal(folder: string, space = 'support'): Promise<string> {
  const error = await openBundle(folder, space).then(
    () => expect.unreachable('the bundle was opened'),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(StartError);
  return (error as StartError).message;
}

describe('the shipped bundle', () => {
  it('opens, and is known by the digest of its manifest', async () => {
    const bundle = await openBundle(SHIPPED, 'support');
    const manifest = await readFile(join(SHIPPED, 'manifest.json'));
    expect(bundle.digest).toBe(createHash('sha256').update(manifest).digest('hex'));
    expect(bundle.defaultSpace.labels).toHaveLength(27);
    expect([...bundle.spaces.keys()]).toEqual(['support', 'banking', 'assistant', 'sentiment']);
  });
});

describe('a bundle is refused, with what is wrong and what to do, when', () => {
  it('its folder is not there', async () => {
    expect(await refusal('/nowhere/bundle')).toContain('REPLYMESH_BUNDLE_DIR');
  });

  it('the default label space is not in it: the known ones are named', async () => {
    expect(await refusal(SHIPPED, 'elsewhere')).toMatch(
      /"elsewhere".*REPLYMESH_DEFAULT_LABEL_SPACE.*support, banking, assistant, sentiment/,
    );
  });

  it('a file was changed', async () => {
    const folder = await copied();
    const bytes = await readFile(join(folder, TRUNK));
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(join(folder, TRUNK), bytes);
    expect(await refusal(folder)).toMatch(/trunk\.onnx: its SHA-256 is [0-9a-f]{64}/);
  });

  it('a file was cut or has grown', async () => {
    const folder = await copied();
    const bytes = await readFile(join(folder, TRUNK));
    await writeFile(join(folder, TRUNK), bytes.subarray(0, 100));
    expect(await refusal(folder)).toMatch(/trunk\.onnx: it has 100 bytes/);
    await writeFile(join(folder, TRUNK), Buffer.concat([bytes, Buffer.of(0)]));
    expect(await refusal(folder)).toMatch(/trunk\.onnx: it has \d+ bytes/);
  });

  it('a file is missing', async () => {
    const folder = await copied();
    await rm(join(folder, TRUNK));
    expect(await refusal(folder)).toContain('trunk.onnx is not there');
  });

  it('the manifest is missing, no JSON, or holds a field that the contract does not know', async () => {
    const folder = await copied();
    await editManifest(folder, (m) => (m.temperature = 1));
    expect(await refusal(folder)).toMatch(/manifest\.json.*temperature/);
    await writeFile(join(folder, 'manifest.json'), '{"format":');
    expect(await refusal(folder)).toContain('manifest.json is not the JSON of');
    await rm(join(folder, 'manifest.json'));
    expect(await refusal(folder)).toContain('manifest.json is not there');
  });

  it.each(['../trunk.onnx', '/etc/passwd', 'a//b', 'spaces/../trunk.onnx', '.hidden'])(
    'a path leads out of it or hides: %s',
    async (path) => {
      const folder = await copied();
      await editManifest(folder, (m) => (m.files[0].path = path));
      expect(await refusal(folder)).toMatch(/manifest\.json breaks the contract: files\[0\]\.path/);
    },
  );

  it('a file or a folder in it is a symbolic link, even one to the right content', async () => {
    const folder = await copied();
    await rename(join(folder, TRUNK), join(folder, 'elsewhere.onnx'));
    await symlink('elsewhere.onnx', join(folder, TRUNK));
    expect(await refusal(folder)).toContain('trunk.onnx is a symbolic link');
    const other = await copied();
    await rename(join(other, 'spaces'), join(other, 'elsewhere'));
    await symlink('elsewhere', join(other, 'spaces'));
    expect(await refusal(other)).toContain('spaces is a symbolic link');
  });

  it('a graph has data outside of its file', async () => {
    const folder = await copied();
    const place = new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .string('location')
      .tag(2, WireType.LengthDelimited)
      .string('/etc/passwd')
      .finish();
    const tensor = new BinaryWriter().tag(13, WireType.LengthDelimited).bytes(place).finish();
    const graph = new BinaryWriter().tag(5, WireType.LengthDelimited).bytes(tensor).finish();
    // Protobuf messages that follow each other are merged: this adds one tensor to the graph.
    const addition = new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph).finish();
    await replaceFile(folder, TRUNK, Buffer.concat([await readFile(join(folder, TRUNK)), addition]));
    expect(await refusal(folder)).toMatch(/trunk\.onnx: .* outside of the file/);
  });

  it.each<[string, (m: AnyManifest) => void, RegExp]>([
    ['a number breaks a rule', (m) => (m.spaces[0].monteCarlo.width = 6), /width must be a multiple of 4/],
    ['a file is used but not declared', (m) => (m.trunk[0].file = 'other.onnx'), /trunk\[trunk\]\.file: "other\.onnx"/],
    [
      'a stage reads what nothing makes',
      (m) => m.spaces[0].stages[0].inputs.push('tide'),
      /spaces\[support\]\.stages\[top\]\.inputs: .*"tide"/,
    ],
    [
      'a member votes with what nothing makes',
      (m) => (m.spaces[0].members[0].logitsTensor = 'x'),
      /members\[minilm\]\.logits_tensor: no stage makes "x"/,
    ],
    [
      'no member counts',
      (m) => {
        for (const member of m.spaces[0].members) member.weight = 0;
      },
      /members: no weight is above 0/,
    ],
    ['nobody reads the dropout mask', (m) => (m.spaces[0].monteCarlo.maskTensor = 'x'), /mask_tensor: no stage reads "x"/],
    ['the embedding is not made', (m) => (m.embeddingTensor = 'x'), /embedding_tensor: no stage makes "x"/],
    ['two spaces have one name', (m) => (m.spaces[1].name = 'support'), /spaces: "support" is there more than once/],
    ['a tensor is made twice', (m) => m.spaces[0].stages[0].outputs.push('hidden'), /outputs: "hidden" is made already/],
  ])('%s', async (_, edit, expected) => {
    const folder = await copied();
    await editManifest(folder, edit);
    expect(await refusal(folder)).toMatch(expected);
  });
});

describe('models are refused when', () => {
  const opened = async (folder: string) => openModels(await openBundle(folder, 'support'));

  it('they have other inputs than the manifest says', async () => {
    const folder = await copied();
    await editManifest(folder, (m) => m.spaces[0].stages[0].inputs.push('input_ids'));
    await expect(opened(folder)).rejects.toThrow(/top\.onnx: its inputs are .* the manifest says .*input_ids/);
  });

  it('they have other shapes than the manifest says', async () => {
    const folder = await copied();
    await editManifest(folder, ({ spaces: [space] }) => {
      space.labels.pop();
      delete space.reference;
    });
    await expect(opened(folder)).rejects.toThrow(
      /tensor "support\.[a-z_.]+" is float32 \((.*), 27\), the manifest promises float32 \(\1, 26\)/,
    );
    const other = await copied();
    await editManifest(other, (m) => (m.embeddingWidth = 383));
    await expect(opened(other)).rejects.toThrow(/tensor "embedding" is float32 \(1, 384\)/);
  });

  it('they cannot read texts as long as the manifest says', async () => {
    const folder = await copied();
    await editManifest(folder, (m) => (m.tokenizer.maxTokens = 4096));
    await expect(opened(folder)).rejects.toThrow(/a first run failed/);
  });

  it('a file changed after the bundle was opened', async () => {
    const folder = await copied();
    const bundle = await openBundle(folder, 'support');
    const bytes = await readFile(join(folder, TRUNK));
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(join(folder, TRUNK), bytes);
    await expect(openModels(bundle)).rejects.toThrow(/trunk\.onnx: its SHA-256/);
  });

  it('they are no graphs that onnxruntime knows', async () => {
    const folder = await copied();
    await replaceFile(folder, TRUNK, new BinaryWriter().tag(1, WireType.Varint).int32(1).finish());
    await expect(opened(folder)).rejects.toThrow(/trunk\.onnx cannot be opened by onnxruntime/);
  });
});

describe('a tokenizer is refused when', () => {
  it('its file is no JSON, or JSON of something else', async () => {
    const folder = await copied();
    for (const content of ['no JSON', '{"model": {"type": "Unheard of"}}']) {
      await replaceFile(folder, 'tokenizer.json', Buffer.from(content));
      const bundle = await openBundle(folder, 'support');
      await expect(openTokenizer(bundle, bundle.manifest.tokenizer)).rejects.toThrow(StartError);
      await expect(openTokenizer(bundle, bundle.manifest.tokenizer)).rejects.toThrow(/tokenizer\.json/);
    }
  });
});

/** Takes the largest number of the whole batch away from every number: `embedding` → `odd.logits`. */
const graphThatLooksAround = (width: number): Uint8Array =>
  onnxModel(
    node('ReduceMax', ['embedding'], 'largest'),
    node('Sub', ['embedding', 'largest'], 'odd.logits'),
    input('embedding', 'float', ['batch', width]),
    output('odd.logits', ['batch', width]),
  );

describe('texts share a batch', () => {
  it('when that changes no answer, as with the shipped bundle', async () => {
    expect((await openModels(await openBundle(SHIPPED, 'support'))).company.bearsCompany).toBe(true);
  });

  it('never, when a model looks at its neighbours', async () => {
    const folder = await copied();
    const content = graphThatLooksAround(384);
    await writeFile(join(folder, 'odd.onnx'), content);
    await editManifest(folder, (m) => {
      m.files.push({ path: 'odd.onnx', sizeBytes: String(content.length), sha256: createHash('sha256').update(content).digest('hex') });
      m.spaces.push({
        name: 'odd',
        labels: Array.from({ length: 384 }, (_, i) => `label ${i}`),
        stages: [{ name: 'odd', file: 'odd.onnx', inputs: ['embedding'], outputs: ['odd.logits'] }],
        members: [{ name: 'odd', kind: 'MODEL_KIND_LOGISTIC_REGRESSION', logitsTensor: 'odd.logits', temperature: 1, weight: 1 }],
      });
    });
    expect((await openModels(await openBundle(folder, 'support'))).company.bearsCompany).toBe(false);
  });
});
