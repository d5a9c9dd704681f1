import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { specs } from '../services/errors.js';
import { base64Of, type Problem, problemFor, problemIn, toldOverGrpc } from './callers.fixture.js';
import { renderEnvoyConfig } from './render.js';

interface Mapper {
  headers_to_add?: { header: { key: string; value: string } }[];
  body_format_override?: { json_format?: { code: number; details?: { reason: keyof typeof specs; domain: string }[] } };
}

const config = parse(
  renderEnvoyConfig({
    http: { host: '127.0.0.1', port: 8080 },
    gateway: { host: '127.0.0.1', port: 50051 },
    jwks: { file: 'jwks.json' },
    issuer: 'issuer',
    audience: 'audience',
    descriptorFile: 'descriptor.binpb',
  }),
);
const manager = config.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
const mappers = manager.local_reply_config.mappers as Mapper[];
const headersOf = (mapper: Mapper): Record<string, string> =>
  Object.fromEntries(mapper.headers_to_add?.map(({ header }) => [header.key, header.value]) ?? []);
const written = mappers.map(headersOf).filter((headers) => headers['grpc-status-details-bin']);
const decoded = (headers: Record<string, string>): Problem | undefined => {
  try {
    return problemIn(headers['grpc-status-details-bin'] ?? '');
  } catch {
    return undefined;
  }
};

describe('envoy.yaml tells gRPC callers', () => {
  it('each error once', () => {
    expect(written.map((headers) => decoded(headers)?.errorInfos[0]?.reason)).toEqual(
      Object.values(toldOverGrpc).map((fault) => fault.reason),
    );
  });

  it.each(Object.entries(toldOverGrpc).map(([name, fault], index) => ({ name, fault, headers: written[index] ?? {} })))(
    'what the catalogue says: $name',
    ({ fault, headers }) => {
      const right = base64Of(fault);
      expect(decoded(headers), `Paste this as its grpc-status-details-bin: ${right}`).toEqual(problemFor(fault));
      expect([headers['grpc-status'], headers['grpc-message']]).toEqual([String(fault.code), fault.details]);
    },
  );
});

/** Codes that say more over HTTP than the catalogue's own: a route that is there, but not for this verb. */
const EXCEPTIONS = ['ROUTE_NOT_FOUND 12'];

it('envoy.yaml tells REST callers reasons and codes of the catalogue', () => {
  const formats = [manager.local_reply_config.body_format, ...mappers.map((m) => m.body_format_override)];
  const told = formats.flatMap((format) => format?.json_format ?? []).filter((json) => json.details);
  const wrong = told
    .map((json) => ({ code: json.code, info: json.details[0] as { reason: keyof typeof specs; domain: string } }))
    .filter(({ code, info }) => specs[info.reason]?.code !== code || info.domain !== 'replymesh')
    .map(({ code, info }) => `${info.reason} ${code}`);
  expect(told.length).toBeGreaterThan(10);
  expect(wrong).toEqual(EXCEPTIONS);
});
