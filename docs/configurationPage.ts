import { fileURLToPath } from 'node:url';
import { DriftConfig } from '../cli/drift.js';
import { RetrainConfig } from '../cli/retrain.js';
import { MeshConfig } from '../cli/settings.js';
import type { Declaration, Setting } from '../lib/config.js';
import { packageRoot } from '../lib/packageRoot.js';
import { StartConfig } from '../mesh/start.js';
import { ContextConfig } from '../services/context/config.js';
import { GatewayConfig } from '../services/gateway/config.js';
import { GeneratorConfig } from '../services/generator/config.js';
import { InferenceConfig } from '../services/inference/config.js';

const PROGRAMS: Readonly<Record<string, Declaration>> = {
  'npm start': StartConfig,
  gateway: GatewayConfig,
  context: ContextConfig,
  inference: InferenceConfig,
  generator: GeneratorConfig,
  'the commands of replymesh': MeshConfig,
  'replymesh drift check': DriftConfig,
  'replymesh retrain': RetrainConfig,
};

/** Every variable that each program reads. */
export function configurationPage(): string {
  const sections = Object.entries(PROGRAMS).map(([name, declaration]) => `## ${name}\n\n${table(declaration)}\n`);
  return `# Configuration

Everything is read from the environment, at start. A value that does not hold ends the program with 78 and a message that names every mistake; an empty one counts as not
set. \`npm start\` passes its environment on to the services and sets what connects them. A service prints what it read with \`--print-config\`, secrets withheld,
also where something is missing.

Every service also reads the variables of OpenTelemetry: spans go to \`OTEL_EXPORTER_OTLP_ENDPOINT\` (OTLP over HTTP) when it is set,
\`OTEL_TRACES_SAMPLER_ARG\` is the share of traces that are kept (all).

${sections.join('\n')}`;
}

function table(declaration: Declaration): string {
  const rows = Object.values(declaration).map((s) => `| \`${s.env}\` | ${s.form} | ${shownDefault(s)} | ${s.doc} |`);
  return ['| variable | form | default | what for |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function shownDefault({ default: value, defaultDoc, optional }: Setting<unknown>): string {
  if (defaultDoc !== undefined) return defaultDoc;
  if (value === undefined) return optional ? '' : 'must be set';
  if (typeof value === 'boolean') return value ? '`on`' : '`off`';
  return `\`${String(value).replace(fileURLToPath(packageRoot), '')}\``;
}
