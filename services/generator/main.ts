import '../../lib/telemetry.js'; // first: it has to patch @grpc/grpc-js before anything uses it
import { GeneratorServiceDefinition } from '../../gen/replymesh/generator/v1/generator_service.js';
import { meshPrincipal } from '../../lib/access.js';
import { loadConfig } from '../../lib/config.js';
import { serve, startServer } from '../../lib/server.js';
import { endOnFailure, onShutdown } from '../../lib/shutdown.js';
import { telemetry } from '../../lib/telemetry.js';
import { GeneratorConfig } from './config.js';
import { generate } from './generate.js';
import { generateStream } from './generateStream.js';
import { openLanguageModel } from './llm.js';
import { loadWording } from './wordingFile.js';

endOnFailure();
const config = loadConfig(GeneratorConfig, process.env, process.argv);
const wording = loadWording(config.wordingFile);
const languageModel = openLanguageModel(config);

const stream = generateStream({ wording, languageModel, maxPassageChars: config.llmMaxPassageChars });
const handlers = { generate: generate({ generateStream: stream }), generateStream: stream };
const server = await startServer(config, meshPrincipal, [serve(GeneratorServiceDefinition, handlers)]);

onShutdown([server, ...(languageModel ? [languageModel] : []), telemetry]); // in this order
