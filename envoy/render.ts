import { readFileSync } from 'node:fs';
import { StartError } from '../lib/errors.js';
import { packageRoot } from '../lib/packageRoot.js';

/** Where the public keys that sign tokens come from. A URL is fetched by Envoy, cached for a minute as in the gateway, and keeps being tried when it fails. */
export type KeySource = { readonly file: string } | { readonly inline: string } | { readonly url: string; readonly caFile?: string };

/** What is decided at each installation; everything else stands in `envoy.yaml`. */
export interface EdgeParameters {
  readonly http: { readonly host: string; readonly port: number };
  readonly gateway: { readonly host: string; readonly port: number };
  readonly jwks: KeySource;
  readonly issuer: string;
  readonly audience: string;
  /** `gen/descriptor.binpb`, as Envoy sees it. */
  readonly descriptorFile: string;
  /** Origins that browsers may call from; `*` stands for any port or one name. Default: loopback, any port. */
  readonly corsOrigins?: readonly string[];
  /** Largest JSON body. gRPC messages are limited by the gateway. */
  readonly maxBodyBytes?: number;
  /** Requests that all callers together may make, on average. */
  readonly ratePerSecond?: number;
  /** Requests that may come at once; default: those of one second. */
  readonly rateBurst?: number;
  /** Longest time for one unary answer. Streams end at the caller's `grpc-timeout`, or after an hour. */
  readonly requestTimeoutS?: number;
  /** Port of Envoy's admin page on 127.0.0.1; 0 takes a free one, which `envoyCommand`'s `adminAddressFile` tells. */
  readonly adminPort?: number;
  /** One JSON line on stdout for each request. */
  readonly accessLog?: boolean;
}

const LOOPBACK_ORIGINS = ['http://localhost', 'http://localhost:*', 'http://127.0.0.1', 'http://127.0.0.1:*'];

/** Text that may stand between double quotes in YAML, and in Envoy's format strings, without an escape. */
const TEXT = /^[A-Za-z0-9 ._:/@+=~,-]+$/;
const HOST = /^[A-Za-z0-9._:-]+$/;
/** No browser sends it; Envoy takes no empty expression. */
const NO_ORIGIN = 'none';
const ORIGIN = /^https?:\/\/[a-z0-9.*-]+(:([0-9]+|\*))?$/;

/** Fills the template `envoy.yaml`. @throws StartError that names every value which cannot be put in safely */
export const renderEnvoyConfig = (parameters: EdgeParameters): string =>
  fillTemplate(readFileSync(new URL('envoy/envoy.yaml', packageRoot), 'utf8'), parameters);

/** @param template text with `${NAME}` where a value goes. @throws StartError that names every value which cannot be put in safely */
export function fillTemplate(template: string, parameters: EdgeParameters): string {
  const mistakes: string[] = [];
  const values = valuesOf(parameters, mistakes);
  const filled = template.replace(/\$\{([A-Z_]+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) mistakes.push(`envoy.yaml asks for ${name}, which is not known.`);
    return value ?? '';
  });
  if (mistakes.length > 0) throw new StartError(mistakes.join('\n'));
  return filled;
}

function valuesOf(p: EdgeParameters, mistakes: string[]): Record<string, string> {
  const text = (name: string, value: string, form = TEXT): string => {
    if (!form.test(value)) mistakes.push(`${name} cannot go into Envoy's configuration: ${JSON.stringify(value)} does not match ${form}.`);
    return value;
  };
  const whole = (name: string, value: number, min: number, max: number): string => {
    if (!Number.isInteger(value) || value < min || value > max)
      mistakes.push(`${name} must be an integer from ${min} to ${max}, it is ${value}.`);
    return String(value);
  };
  const ratePerSecond = p.ratePerSecond ?? 2000;
  return {
    HTTP_HOST: text('http.host', p.http.host, HOST),
    HTTP_PORT: whole('http.port', p.http.port, 0, 65_535),
    ADMIN_PORT: whole('adminPort', p.adminPort ?? 0, 0, 65_535),
    GATEWAY_HOST: text('gateway.host', p.gateway.host, HOST),
    GATEWAY_PORT: whole('gateway.port', p.gateway.port, 1, 65_535),
    ISSUER: text('issuer', p.issuer),
    AUDIENCE: text('audience', p.audience),
    DESCRIPTOR_FILE: text('descriptorFile', p.descriptorFile),
    CORS_ORIGINS:
      (p.corsOrigins ?? LOOPBACK_ORIGINS).map((origin) => originPattern(text('corsOrigins', origin, ORIGIN))).join('|') || NO_ORIGIN,
    MAX_BODY_BYTES: whole('maxBodyBytes', p.maxBodyBytes ?? 262_144, 1024, 4_194_304),
    RATE_PER_SECOND: whole('ratePerSecond', ratePerSecond, 1, 1_000_000),
    RATE_BURST: whole('rateBurst', p.rateBurst ?? ratePerSecond, 1, 1_000_000),
    REQUEST_TIMEOUT_S: whole('requestTimeoutS', p.requestTimeoutS ?? 15, 1, 110),
    ACCESS_LOG_PERCENT: p.accessLog ? '100' : '0',
    ...keyValues(p.jwks, text, mistakes),
  };
}

/** `https://*.example.com` as a regular expression (RE2) of whole origins. */
const originPattern = (origin: string): string => origin.replace(/[.]/g, '\\.').replace(/:\*$/, ':[0-9]+').replaceAll('*', '[a-z0-9-]+');

/** The two places of the template that depend on where keys come from. JSON is YAML, so that nothing in them needs an escape. */
function keyValues(jwks: KeySource, text: (name: string, value: string) => string, mistakes: string[]): Record<string, string> {
  if ('file' in jwks)
    return { JWKS: JSON.stringify({ filename: text('jwks.file', jwks.file) }), JWKS_KIND: 'local_jwks', JWKS_CLUSTERS: '' };
  if ('inline' in jwks) {
    if (!isKeySet(jwks.inline)) mistakes.push('jwks.inline is not a JSON Web Key Set with a key: {"keys":[…]}.');
    return { JWKS: JSON.stringify({ inline_string: jwks.inline }), JWKS_KIND: 'local_jwks', JWKS_CLUSTERS: '' };
  }
  if (!URL.canParse(jwks.url) || !/^https?:$/.test(new URL(jwks.url).protocol)) {
    mistakes.push(`jwks.url must be an http or https URL, it is ${JSON.stringify(jwks.url)}.`);
    return { JWKS: '', JWKS_KIND: '', JWKS_CLUSTERS: '' };
  }
  return remoteKeys(new URL(jwks.url), text('jwks.caFile', jwks.caFile ?? '/etc/ssl/certs/ca-certificates.crt'));
}

function isKeySet(json: string): boolean {
  try {
    const { keys } = JSON.parse(json) as { keys?: unknown };
    return Array.isArray(keys) && keys.length > 0;
  } catch {
    return false;
  }
}

function remoteKeys(url: URL, caFile: string): Record<string, string> {
  const secure = url.protocol === 'https:';
  const address = { socket_address: { address: url.hostname, port_value: Number(url.port) || (secure ? 443 : 80) } };
  const source = {
    http_uri: { uri: url.href, cluster: 'jwks', timeout: '5s' },
    cache_duration: '60s',
    // Fetched at start, not by the first caller; that one waits only where the first fetch has failed.
    async_fetch: { failed_refetch_duration: '1s' },
    retry_policy: { num_retries: 2 },
  };
  const cluster = {
    name: 'jwks',
    type: 'STRICT_DNS',
    connect_timeout: '2s',
    load_assignment: { cluster_name: 'jwks', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    ...(secure ? { transport_socket: tls(url.hostname, caFile) } : {}),
  };
  return { JWKS: JSON.stringify(source), JWKS_KIND: 'remote_jwks', JWKS_CLUSTERS: `- ${JSON.stringify(cluster)}` };
}

const tls = (host: string, caFile: string) => ({
  name: 'envoy.transport_sockets.tls',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
    sni: host,
    common_tls_context: {
      validation_context: {
        trusted_ca: { filename: caFile },
        match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: host } }],
      },
    },
  },
});
