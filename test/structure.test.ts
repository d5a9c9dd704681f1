import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { methods } from '../lib/contract.js';
import { packageRoot } from '../lib/packageRoot.js';

const root = fileURLToPath(packageRoot);
const FOLDERS = ['bench', 'cli', 'docs', 'envoy', 'lib', 'mesh', 'services', 'test', 'training'];
const SERVICES = ['context', 'gateway', 'generator', 'inference'];

/** Text by path from the root. */
type Tree = ReadonlyMap<string, string>;

const tree: Tree = new Map(
  FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => posix.join(folder, path)),
  )
    .filter((path) => /\.(ts|mjs|py|md)$/.test(path) && !/(^|\/)(\.|node_modules\/|__pycache__\/)/.test(path))
    .concat('bootstrap.mjs', 'package.json', 'README.md')
    .map((path) => [path, readFileSync(join(root, path), 'utf8')] as const),
);

/** Tests, and what only they use. */
const isTest = (path: string): boolean => /^test\/|\.(test|fixture)\.ts$|\/tests\//.test(path);
const isCode = (path: string): boolean => /\.(ts|mjs)$/.test(path);
const productCode = (of: Tree): [string, string][] => [...of].filter(([path]) => isCode(path) && !isTest(path));
const lowerFirst = (name: string): string => name[0]!.toLowerCase() + name.slice(1);
const lineCount = (text: string): number => text.split('\n').length - (text.endsWith('\n') ? 1 : 0);

interface Parsed {
  readonly source: ts.SourceFile;
  readonly nodes: readonly ts.Node[];
}
const known = new Map<string, Parsed>();

function parse(path: string, text: string): Parsed {
  const key = `${path}\n${text}`;
  const found = known.get(key);
  if (found) return found;
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const nodes: ts.Node[] = [source];
  for (const node of nodes) ts.forEachChild(node, (child) => void nodes.push(child));
  known.set(key, { source, nodes });
  return { source, nodes };
}

interface Import {
  /** What stands after `from`, or the path from the root for a file of ours. */
  readonly from: string;
  /** Names that are there at run time. */
  readonly names: readonly string[];
}

function importsOf(path: string, text: string): Import[] {
  return parse(path, text).nodes.flatMap((node): Import[] => {
    const call = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword ? node.arguments[0] : undefined;
    const named = ts.isImportDeclaration(node) || ts.isExportDeclaration(node) ? node.moduleSpecifier : undefined;
    const specifier = call ?? named;
    if (!specifier || !ts.isStringLiteral(specifier)) return [];
    const from = specifier.text.startsWith('.') ? posix.join(dirname(path), specifier.text).replace(/\.js$/, '.ts') : specifier.text;
    return [{ from, names: ts.isImportDeclaration(node) ? runtimeNames(node) : ['*'] }];
  });
}

function runtimeNames({ importClause: clause }: ts.ImportDeclaration): string[] {
  if (!clause) return ['*'];
  if (clause.isTypeOnly) return [];
  const bindings = clause.namedBindings;
  const named = !bindings
    ? []
    : ts.isNamespaceImport(bindings)
      ? ['*']
      : bindings.elements.filter((e) => !e.isTypeOnly).map((e) => e.name.text);
  return clause.name ? ['default', ...named] : named;
}

/** RPCs by the full name of their service. */
const rpcs = new Map<string, string[]>();
for (const path of methods.keys()) {
  const [, service = '', name = ''] = path.split('/');
  if (service.startsWith('replymesh.')) rpcs.set(service, [...(rpcs.get(service) ?? []), name]);
}

/** Folders of services whose code calls `word(XDefinition`. */
const foldersThat = (of: Tree, word: string, service: string): string[] =>
  SERVICES.filter((folder) =>
    productCode(of).some(
      ([path, text]) =>
        path.startsWith(`services/${folder}/`) && new RegExp(`\\b(${word})\\(\\s*${service.split('.').at(-1)}Definition\\b`).test(text),
    ),
  );

function rpcFaults(of: Tree): string[] {
  const expected = new Set<string>();
  const faults: string[] = [];
  for (const [service, names] of rpcs) {
    const servers = foldersThat(of, 'serve', service);
    if (servers.length !== 1)
      faults.push(
        `${service} is served by ${servers.join(' and ') || 'nobody'}: one folder calls serve(), the gateway may forward() to it.`,
      );
    if (service.startsWith('replymesh.v1.') && !foldersThat(of, 'serve|forward', service).includes('gateway'))
      faults.push(`${service} is public, but the gateway neither serves nor forwards it: add it to services/gateway/passedOn.ts.`);
    for (const [folder, name] of servers.flatMap((server) => names.map((rpc) => [server, lowerFirst(rpc)] as const))) {
      const path = `services/${folder}/${name}.ts`;
      expected.add(path);
      if (!new RegExp(`^export (const|(async )?function\\*?) ${name}\\b`, 'm').test(of.get(path) ?? ''))
        faults.push(`${service} is served by ${folder}, whose ${name} is not exported by ${path}: put its handler there.`);
    }
  }
  const rpcNames = new Set([...rpcs.values()].flat().map((name) => `${lowerFirst(name)}.ts`));
  for (const [path] of productCode(of))
    if (path.startsWith('services/') && rpcNames.has(basename(path)) && !expected.has(path))
      faults.push(`${path} has the name of an RPC that its folder does not serve: move it or name it for what it does.`);
  return faults;
}

const MAX_LINES = 300;
const MAX_ROOT_LINES = 60;
const MAX_FUNCTION_LINES = 70;

const lengthFaults = (of: Tree): string[] =>
  [...of].flatMap(([path, text]) => {
    const limit = /^services\/\w+\/main\.ts$/.test(path) ? MAX_ROOT_LINES : MAX_LINES;
    const lines = lineCount(text);
    if (isTest(path) || !/\.(ts|mjs|py)$/.test(path) || lines <= limit) return [];
    return [`${path} has ${lines} lines of at most ${limit}: move what has a name of its own to a file of that name.`];
  });

const functionFaults = (of: Tree): string[] =>
  productCode(of).flatMap(([path, text]) => {
    const { source, nodes } = parse(path, text);
    const lineAt = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1;
    return nodes.filter(ts.isFunctionLike).flatMap((node) => {
      const from = lineAt(node.getStart());
      const lines = lineAt(node.getEnd()) - from + 1;
      return lines > MAX_FUNCTION_LINES
        ? [`${path}:${from}: a function of ${lines} lines, at most ${MAX_FUNCTION_LINES}: name its parts.`]
        : [];
    });
  });

/** Same arguments, same result: what decides, counts or judges. Time, randomness and identifiers are arguments. */
const PURE: Readonly<Record<string, readonly string[]>> = {
  'services/gateway': [
    'decide',
    'replay',
    'inputs',
    'mask',
    'factsInQuestion',
    'bankAccounts',
    'cardNumbers',
    'ipAddresses',
    'phoneNumbers',
    'plainDigits',
    'referenceNumbers',
    'socialNumbers',
    'span',
    'summary',
  ],
  'services/inference': [
    'aliases',
    'uncertainty',
    'calibration',
    'priority',
    'dropout',
    'evidence',
    'sentiment',
    'reading',
    'wordPiece',
    'onnxFile',
    'nextBatch',
    'encoderDigest',
  ],
  'services/generator': ['gate', 'claims', 'sentences', 'citations', 'promises', 'words', 'prompt', 'modelReply'],
  'services/context': [
    'auditChain',
    'rankFusion',
    'behaviour',
    'contextKey',
    'pageToken',
    'passages',
    'tokenCount',
    'decisionRow',
    'reviewDraw',
    'analyticsBins',
    'analyticsPeriod',
    'figures',
    'events',
    'relaySink',
    'modelMonitoring',
    'distributions',
    'driftMeasures',
    'drift',
    'retraining',
    'pairedTest',
  ],
  cli: [
    'csvLine',
    'retrainingRows',
    'metrics',
    'renderDecision',
    'renderSummary',
    'replayReport',
    'renderDrift',
    'promotion',
    'plainWords',
    'serverSentEvents',
  ],
  'cli/knowledge': ['gone'],
  'cli/customers': ['jsonPieces'],
};
const pureFiles = Object.entries(PURE).flatMap(([folder, names]) => names.map((name) => `${folder}/${name}.ts`));
/** Libraries without I/O, clock or randomness, with the names that may be used of them. */
const PURE_LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  'node:crypto': ['createHash'],
  'node:net': ['isIPv6'],
  'libphonenumber-js/max': ['findPhoneNumbersInText'],
  '@bufbuild/protobuf/wire': ['BinaryReader', 'WireType'],
};
const EFFECTS = 'process fetch performance console crypto globalThis require setTimeout setInterval setImmediate queueMicrotask'.split(' ');

function pureFaults(of: Tree): string[] {
  return pureFiles.flatMap((path) => {
    const text = of.get(path);
    if (text === undefined) return [`${path} is not there: take it from PURE in test/structure.test.ts, or give it back its name.`];
    const imports = importsOf(path, text).flatMap(({ from, names }) => {
      const allowed = from.startsWith('gen/') || pureFiles.includes(from) ? names : (PURE_LIBRARIES[from] ?? []);
      return names.filter((name) => !allowed.includes(name)).map((name) => `${name} from ${from}`);
    });
    const uses = parse(path, text).nodes.flatMap((node) => effectOf(node) ?? []);
    return [...imports, ...uses].map((what) => `${path} is pure, but uses ${what}: take it as an argument.`);
  });
}

function effectOf(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ['Math.random', 'Date.now'].includes(node.getText())) return node.getText();
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) return 'new Date()';
  if (ts.isCallExpression(node) && node.expression.getText() === 'Date') return 'Date()';
  if (!ts.isIdentifier(node) || !EFFECTS.includes(node.text)) return undefined;
  const { parent } = node;
  const isName =
    (ts.isPropertyAccessExpression(parent) && parent.name === node) || ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent);
  return isName ? undefined : node.text;
}

/** Where the environment is read; log and tracing stand before any configuration. */
const READS_ENVIRONMENT = /^(services\/\w+|cli|bench)\/main\.ts$|^lib\/(log|telemetry)\.ts$/;

const environmentFaults = (of: Tree): string[] =>
  productCode(of)
    .filter(
      ([path, text]) =>
        !READS_ENVIRONMENT.test(path) &&
        parse(path, text).nodes.some((node) => ts.isPropertyAccessExpression(node) && node.getText() === 'process.env'),
    )
    .map(([path]) => `${path} reads process.env: declare the setting in config.ts and take its value from main.ts.`);

/** What each folder may import, beside itself, gen/ and packages. Services meet in proto/ only. */
function mayImport(path: string, from: string): boolean {
  const [top = '', folder = ''] = path.split('/');
  if (from.startsWith('gen/') || from.startsWith(`${top}/`)) {
    const isOtherService = top === 'services' && from.split('/').length > 2 && from.split('/')[1] !== folder;
    return !isOtherService;
  }
  if (isTest(path)) return from.startsWith('test/') || from.startsWith('lib/') || !['lib', 'services'].includes(top);
  const allowed: Readonly<Record<string, readonly string[]>> = { lib: [], services: ['lib'], envoy: ['lib'], mesh: ['lib', 'envoy'] };
  return allowed[top]?.includes(from.split('/')[0]!) ?? true;
}

const importFaults = (of: Tree): string[] =>
  [...of]
    .filter(([path]) => isCode(path))
    .flatMap(([path, text]) =>
      importsOf(path, text)
        .filter(({ from }) => FOLDERS.includes(from.split('/')[0]!) && from.includes('/') && !mayImport(path, from))
        .map(
          ({ from }) =>
            `${path} imports ${from}: services meet in proto/ only, and what two of them need lives in lib/, which knows neither.`,
        ),
    );

const NAMELESS = /\/(utils?|helpers?|common|managers?|impl|index)\.(ts|mjs|py)$/;
const nameFaults = (of: Tree): string[] =>
  [...of.keys()].filter((path) => NAMELESS.test(path)).map((path) => `${path} says nothing about what is in it: name it for what it does.`);

interface Package {
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}
const packageOf = (of: Tree): Package => JSON.parse(of.get('package.json')!) as Package;
const MAX_SCRIPTS = 12;

function scriptFaults(of: Tree): string[] {
  const scripts = Object.keys(packageOf(of).scripts);
  const readme = of.get('README.md')!;
  const untold = scripts.filter(
    (name) => !new RegExp(`\`npm (${['start', 'test'].includes(name) ? '' : 'run (-s )?'})${name}\\b`).test(readme),
  );
  const unknown = [...of].flatMap(([path, text]) =>
    path.endsWith('.md')
      ? [...text.matchAll(/\bnpm run (?:-s )?([\w:]+)/g)]
          .filter(([, name]) => !scripts.includes(name!))
          .map(([, name]) => `${path} names "npm run ${name}", which package.json does not have: correct it.`)
      : [],
  );
  const many = scripts.length > MAX_SCRIPTS ? [`package.json has ${scripts.length} scripts of at most ${MAX_SCRIPTS}: drop one.`] : [];
  return [
    ...untold.map((name) => `The script "${name}" is not in README.md: add a row "\`npm run ${name}\`" to the table of scripts.`),
    ...unknown,
    ...many,
  ];
}

const DEPENDENCIES = 'docs/explanation/dependencies.md';

function dependencyFaults(of: Tree): string[] {
  const { dependencies, devDependencies } = packageOf(of);
  const installed = Object.keys({ ...dependencies, ...devDependencies });
  const cells = [...of.get(DEPENDENCIES)!.matchAll(/^\| ([^|]+) \|/gm)]
    .map(([, cell]) => cell!)
    .filter((cell) => !/^(package|---)/.test(cell));
  const listed = cells.flatMap((cell) => cell.match(/@?[a-z][\w./-]*/g) ?? []);
  // The types of a package are told with it.
  const untold = installed.filter((name) => !listed.includes(name) && !name.startsWith('@types/'));
  const stale = listed.filter((name) => !installed.includes(name));
  return [
    ...untold.map(
      (name) => `${name} is not in ${DEPENDENCIES}: add it by its full name, with what it does here, or remove the dependency.`,
    ),
    ...stale.map((name) => `${DEPENDENCIES} lists ${name}, which package.json does not have: remove it there, or write the full name.`),
  ];
}

const README_LINES = ['Owns: ', 'Calls: ', 'Never: ', 'Run alone: ', 'Start reading: '];

const readmeFaults = (of: Tree): string[] =>
  SERVICES.map((name) => `services/${name}`).flatMap((folder) => {
    const path = `${folder}/README.md`;
    const text = of.get(path) ?? '';
    const lines = text.trimEnd().split('\n');
    if (lines.length !== README_LINES.length || !README_LINES.every((start, i) => lines[i]!.startsWith(start)))
      return [`${path} has not five lines that begin with ${README_LINES.map((start) => start.trim()).join(' ')}: write them.`];
    const gone = [...lines[4]!.matchAll(/`(\w+\.ts)`/g)].map(([, name]) => `${folder}/${name}`).filter((file) => !of.has(file));
    return gone.map((file) => `${path} says to read ${file}, which is not there: correct it.`);
  });

/** The tree with something changed, for a fault that a rule has to find. */
const withFile = (path: string, text: string): Tree => new Map([...tree, [path, text]]);
const without = (path: string): Tree => new Map([...tree].filter(([other]) => other !== path));
const edited = (path: string, edit: (text: string) => string): Tree => withFile(path, edit(tree.get(path)!));

interface Rule {
  readonly promise: string;
  readonly faults: (of: Tree) => string[];
  /** Faults with what is to be said of each. */
  readonly planted: readonly (readonly [Tree, string])[];
}

const RULES: readonly Rule[] = [
  {
    promise: 'every RPC of the contract has one file of its name, in the one service that serves it',
    faults: rpcFaults,
    planted: [
      [without('services/context/searchArticles.ts'), 'whose searchArticles is not exported by services/context/searchArticles.ts'],
      [
        edited('services/inference/embed.ts', (text) => text.replace('export const embed', 'export const embedAll')),
        'whose embed is not exported by',
      ],
      [withFile('services/gateway/createArticle.ts', ''), 'gateway/createArticle.ts has the name of an RPC'],
      [withFile('services/gateway/more.ts', 'serve(FeedbackServiceDefinition, {})'), 'FeedbackService is served by context and gateway'],
      [
        edited('services/gateway/passedOn.ts', (text) => text.replace('forward(Knowledge', 'skip(Knowledge')),
        'KnowledgeService is public, but',
      ],
    ],
  },
  {
    promise: 'a file fits on a few screens, and a main.ts in one look',
    faults: lengthFaults,
    planted: [
      [withFile('lib/long.ts', '\n'.repeat(301)), 'lib/long.ts has 301 lines of at most 300'],
      [withFile('training/replymesh_training/long.py', '\n'.repeat(301)), 'long.py has 301 lines'],
      [withFile('services/context/main.ts', '\n'.repeat(61)), 'services/context/main.ts has 61 lines of at most 60'],
    ],
  },
  {
    promise: 'a function fits on one screen',
    faults: functionFaults,
    planted: [[withFile('cli/long.ts', `const long = () => {${'\n'.repeat(70)}};`), 'cli/long.ts:1: a function of 71 lines']],
  },
  {
    promise: 'what decides, counts or judges is pure',
    faults: pureFaults,
    planted: [
      ["import { readFileSync } from 'node:fs';", 'decide.ts is pure, but uses readFileSync from node:fs'],
      ["import { randomUUID } from 'node:crypto';", 'uses randomUUID from node:crypto'],
      ["import { log } from '../../lib/log.js';", 'uses log from lib/log.ts'],
      ["import { understand } from './understand.js';", 'uses understand from services/gateway/understand.ts'],
      ['const pg = await import("pg");', 'uses * from pg'],
      ['const now = Date.now();', 'uses Date.now'],
      ['const now = new Date();', 'uses new Date()'],
      ['const dice = Math.random();', 'uses Math.random'],
      ['const level = process.env;', 'uses process'],
      ['const later = setTimeout(() => {}, 1);', 'uses setTimeout'],
    ].map(([line, said]) => [edited('services/gateway/decide.ts', (text) => `${text}${line}\n`), said as string] as const),
  },
  {
    promise: 'the environment is read where a process begins, and nowhere else',
    faults: environmentFaults,
    planted: [[withFile('services/context/hidden.ts', "const url = process.env['DATABASE_URL'];"), 'hidden.ts reads process.env']],
  },
  {
    promise: 'services know the contract, not each other, and the kit knows none of them',
    faults: importFaults,
    planted: [
      [
        withFile('services/gateway/near.ts', "import { openBundle } from '../inference/bundle.js';"),
        'near.ts imports services/inference/bundle.ts',
      ],
      [withFile('services/gateway/near.ts', "import type { Mesh } from '../../mesh/mesh.js';"), 'imports mesh/mesh.ts'],
      [withFile('services/gateway/near.ts', "const { ask } = await import('../../cli/ask.js');"), 'imports cli/ask.ts'],
      [withFile('lib/near.ts', "export { fail } from '../services/errors.js';"), 'lib/near.ts imports services/errors.ts'],
      [withFile('mesh/near.ts', "import '../services/gateway/policy.js';"), 'mesh/near.ts imports services/gateway/policy.ts'],
    ],
  },
  {
    promise: 'a file name says what is in the file',
    faults: nameFaults,
    planted: [[withFile('lib/utils.ts', ''), 'lib/utils.ts says nothing']],
  },
  {
    promise: 'the README tells every script, and no text tells one that is not there',
    faults: scriptFaults,
    planted: [
      [edited('package.json', (text) => text.replace('"scripts": {', '"scripts": { "deploy": "true",')), '"deploy" is not in README.md'],
      [edited('services/context/README.md', (text) => `${text}npm run build`), 'context/README.md names "npm run build"'],
      [
        edited('package.json', (text) =>
          text.replace('"scripts": {', `"scripts": { ${Array.from({ length: 12 }, (_, i) => `"s${i}": "true",`).join('')}`),
        ),
        'scripts of at most 12',
      ],
    ],
  },
  {
    promise: 'every dependency is told with what it does here',
    faults: dependencyFaults,
    planted: [
      [
        edited('package.json', (text) => text.replace('"dependencies": {', '"dependencies": { "left-pad": "1.3.0",')),
        'left-pad is not in docs',
      ],
      [edited(DEPENDENCIES, (text) => `${text}\n| left-pad | pads |\n`), 'lists left-pad, which package.json does not have'],
    ],
  },
  {
    promise: 'every service says in five lines what it owns, calls, never does, and where to begin',
    faults: readmeFaults,
    planted: [
      [without('services/gateway/README.md'), 'gateway/README.md has not five lines'],
      [
        edited('services/inference/README.md', (text) => text.replace('predict.ts', 'guess.ts')),
        'says to read services/inference/guess.ts',
      ],
    ],
  },
];

for (const { promise, faults, planted } of RULES) {
  describe(promise, () => {
    it('holds', () => {
      expect(faults(tree).join('\n')).toBe('');
    });

    // A rule that never fails is no rule: each finds a fault that is planted in the tree of today.
    for (const [faulty, said] of planted) {
      it(`says it when it does not: … ${said} …`, () => {
        expect(faults(faulty).join('\n')).toContain(said);
        expect(faults(tree).join('\n')).not.toContain(said);
      });
    }
  });
}
