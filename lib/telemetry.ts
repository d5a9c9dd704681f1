/**
 * Tracing. Imported first by every `main.ts`, because the instrumentation has to patch @grpc/grpc-js before anything uses it.
 * Spans go to OTEL_EXPORTER_OTLP_ENDPOINT (OTLP over HTTP) when that is set; without it they only give log lines their trace ids.
 */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { GrpcInstrumentation } from '@opentelemetry/instrumentation-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, ParentBasedSampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-node';

const exporting = Boolean(process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']);
const ratio = Number(process.env['OTEL_TRACES_SAMPLER_ARG'] ?? (exporting ? 1 : 0));

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': process.env['OTEL_SERVICE_NAME'] ?? 'replymesh' }),
  // Unsampled spans still carry ids, so that logs can be joined at almost no cost.
  sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
  spanProcessors: exporting ? [new BatchSpanProcessor(new OTLPTraceExporter())] : [],
});
provider.register();
registerInstrumentations({
  tracerProvider: provider,
  instrumentations: [new GrpcInstrumentation({ ignoreGrpcMethods: [/^grpc\.health/i, /^Check$/, /^Watch$/] })],
});

/** Sends what is left of the spans; part of the shutdown order. */
export const telemetry = { close: (): Promise<void> => provider.shutdown() };
