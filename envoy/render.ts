import { readFileSync } from 'node:fs';
import { StartError } from '../lib/errors.js';
import { packageRoot } from '../lib/packageRoot.js';

export interface EdgeParameters {
  readonly http: { readonly host: string; readonly port: number };
  readonly gateway: { readonly host: string; readonly port: number };
  readonly jwks: { readonly file: string };
  readonly issuer: string;
  readonly audience: string;
  readonly descriptorFile: string;
  /** Regular expression (RE2) of origins that browsers may call from. */
  readonly corsOrigin?: string;
  readonly maxBodyBytes?: number;
  readonly ratePerSecond?: number;
  readonly requestTimeoutS?: number;
}

/** What may stand between quotes in YAML without an escape. */
const SAFE = /^[A-Za-z0-9 ._:/@*()|?^$\\[\]+-]*$/;

/** Fills the template `envoy.yaml`. @throws StartError for a value that cannot be put in safely */
export function renderEnvoyConfig(parameters: EdgeParameters): string {
  const values: Record<string, string> = {
    HTTP_HOST: parameters.http.host,
    HTTP_PORT: String(parameters.http.port),
    GATEWAY_HOST: parameters.gateway.host,
    GATEWAY_PORT: String(parameters.gateway.port),
    JWKS_FILE: parameters.jwks.file,
    ISSUER: parameters.issuer,
    AUDIENCE: parameters.audience,
    DESCRIPTOR_FILE: parameters.descriptorFile,
    CORS_ORIGIN: parameters.corsOrigin ?? 'http://(localhost|127.0.0.1)(:[0-9]+)?',
    MAX_BODY_BYTES: String(parameters.maxBodyBytes ?? 262_144),
    RATE_PER_SECOND: String(parameters.ratePerSecond ?? 2000),
    REQUEST_TIMEOUT_S: String(parameters.requestTimeoutS ?? 15),
  };
  const template = readFileSync(new URL('envoy/envoy.yaml', packageRoot), 'utf8');
  return template.replace(/\$\{([A-Z_]+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new StartError(`envoy.yaml asks for ${name}, which is not known.`);
    if (!SAFE.test(value))
      throw new StartError(`${name} holds characters that cannot go into Envoy's configuration: ${JSON.stringify(value)}.`);
    return value;
  });
}
