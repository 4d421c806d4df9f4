import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import { add, constant, mul, neg, sum } from "../../src/graph/ops.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { type PolicyConfig, parameterLayout, parameterView } from "../../src/policy/architecture.ts";
import type { Loss, TrainSample } from "../../src/policy/backend.ts";
import { parameterPieces } from "../../src/policy/parameters.ts";
import { compile, type NDArray } from "../../src/runtime/session.ts";
import { microBatchFeeds } from "../../src/train/microBatchFeeds.ts";
import { gradientName, trainGraph } from "../../src/train/trainGraph.ts";
import { type LayerTrace, logSoftmax, type ReferenceModel, referenceForward, referenceOf } from "../support/referenceQwen3.ts";
import { randomExperts, randomSequences, recordedExperts, samplesFor, tinyConfig, tinyParameters } from "../support/tinyPolicy.ts";

// Router losses that weigh enough to be seen, and an epsilon that matters.
const base = tinyConfig({ routerAuxLossWeight: 0.5, routerZLossWeight: 0.3, rmsNormEpsilon: 0.01, width: 24 });
const configs: Readonly<Record<string, PolicyConfig>> = {
  "grouped heads": base,
  "tied embeddings": { ...base, tieEmbeddings: true },
  "as many key/value heads as heads, expert weights as the router gives them": { ...base, numKvHeads: 4, normTopkProb: false },
  "no experts": { ...base, numExperts: 0 },
  "a value head": { ...base, numLayers: 1, valueHead: true },
};
/** With experts that were recorded under other parameters. */
const replayed: Readonly<Record<string, PolicyConfig>> = {
  "scaled weights": { ...base, numExperts: 6 },
  "weights as the router gives them": { ...base, numExperts: 6, normTopkProb: false },
};

/** Cross-entropy less a little entropy, and half the square of a critic's values, so that all model outputs have a gradient. */
const loss: Loss = {
  name: "test",
  settings: {},
  build: ({ logProb_N, entropy_N, value_N, column }) => {
    const entropy = sum(mul(column("weight"), entropy_N));
    const loss = add(neg(sum(mul(column("weight"), logProb_N))), mul(constant(-0.4), entropy));
    return { loss: value_N === undefined ? loss : add(loss, halfSquares(value_N, column)), metrics: { entropy } };
  },
};

function halfSquares(value_N: Tensor, column: (name: string) => Tensor): Tensor {
  return mul(constant(0.5), sum(mul(column("weight"), mul(value_N, value_N))));
}

interface Case {
  readonly config: PolicyConfig;
  readonly parameters: Float32Array<ArrayBuffer>;
  readonly samples: readonly TrainSample[];
  readonly share: number;
  readonly routing: "own" | "replayed";
}

/** Mixed lengths; one sample learns nothing, one only its last token, and the temperatures differ. */
function caseOf(config: PolicyConfig): Case {
  const [a, b, c, d] = samplesFor(randomSequences([9, 2, 6, 4], config)) as [TrainSample, TrainSample, TrainSample, TrainSample];
  const none = { ...d, targets: new Int32Array(), columns: { weight: new Float32Array() } };
  const last = { ...c, targets: Int32Array.of(5), temperature: 0.75, columns: { weight: Float32Array.of(0.0625) } };
  return { config, parameters: tinyParameters(config), samples: [a, none, last, { ...b, temperature: 1.5 }], share: 0.25, routing: "own" };
}

async function inEngine({ config, parameters, samples, share, routing }: Case) {
  const layout = parameterLayout(config);
  const graph = trainGraph(loss, { config, pieces: parameterPieces(layout), routing });
  await using session = await compile(graph.model, { numThreads: 1 });
  const weights = graph.pieces.map(({ name, shape, offset }): [string, NDArray] => {
    return [name, { shape, data: parameters.subarray(offset, offset + shape.reduce((a, b) => a * b)) }];
  });
  const numTokens = samples.reduce((total, { tokens }) => total + tokens.length, 0) / share;
  const feeds = microBatchFeeds(samples, {
    config,
    columns: graph.columns,
    routing,
    batch: { numTokens, numSamples: samples.length / share },
  });
  const outputs = await session.run({ ...Object.fromEntries(weights), ...feeds });
  const gradient = new Float32Array(layout.total);
  for (const piece of graph.pieces) gradient.set(outputs[gradientName(piece.name)]!.data as Float32Array, piece.offset);
  const metrics = Object.fromEntries(graph.metrics.map((name) => [name, Number(outputs[name]!.data[0])]));
  return { gradient, metrics, sent: graph.vectors.flatMap((name) => [...(outputs[name]!.data as Float32Array)]) };
}

/** The same, sent where nobody would send them. */
function replayedCase(config: PolicyConfig): Case {
  const about = caseOf(config);
  const experts = randomExperts(
    about.samples.map(({ tokens }) => tokens),
    config,
  );
  return { ...about, samples: about.samples.map((sample, i) => ({ ...sample, experts: experts[i]! })), routing: "replayed" };
}

/** The loss's parts by definition: sums over targets, and over the batch's tokens the router losses of each layer. */
function inReference(model: ReferenceModel, { config, samples, share }: Case) {
  let crossEntropy = 0;
  let entropy = 0;
  let squares = 0;
  const routed: LayerTrace[][] = Array.from({ length: config.numLayers }, () => []);
  const agreed: boolean[] = [];
  for (const { tokens, targets, temperature, columns, experts } of samples) {
    const traces = referenceForward(model, tokens, experts && recordedExperts(experts, config));
    for (const { layers } of traces) layers.forEach((layer, l) => void routed[l]!.push(layer));
    if (experts !== undefined) {
      const layers = traces.slice(0, -1).flatMap((trace) => trace.layers);
      agreed.push(...layers.flatMap(({ routerLogits, experts }) => experts.map((expert) => isOwn(routerLogits, { expert, config }))));
    }
    targets.forEach((target, i) => {
      const row = logSoftmax(traces[target - 1]!.logits, temperature);
      crossEntropy -= columns["weight"]![i]! * row[tokens[target]!]!;
      entropy -= columns["weight"]![i]! * row.reduce((total, logProb) => total + Math.exp(logProb) * logProb, 0);
      squares += columns["weight"]![i]! * (traces[target - 1]!.value ?? 0) ** 2;
    });
  }
  const isMixture = config.numExperts > 0;
  const routerBalance = isMixture ? share * mean(routed.map((rows) => balance(rows, config))) : 0;
  const routerZLoss = isMixture ? share * mean(routed.map(zLoss)) : 0;
  const routerEntropy = isMixture ? share * mean(routed.map(meanEntropy)) : 0;
  const agreement = agreed.length === 0 ? {} : { routingAgreement: share * mean(agreed.map(Number)) };
  const taskLoss = crossEntropy - 0.4 * entropy + 0.5 * squares;
  const total = taskLoss + config.routerAuxLossWeight * routerBalance + config.routerZLossWeight * routerZLoss;
  const ofRouters = isMixture ? { routerBalance, routerZLoss, routerEntropy } : {};
  const sent = isMixture ? routed.flatMap((rows) => sentTo(rows, config)) : [];
  return { total, metrics: { loss: taskLoss, entropy, ...ofRouters, ...agreement }, sent };
}

/** Tokens that each expert of a layer got. */
function sentTo(rows: readonly LayerTrace[], { numExperts }: PolicyConfig): number[] {
  return Array.from({ length: numExperts }, (_, expert) => rows.filter((row) => row.experts.includes(expert)).length);
}

function meanEntropy(rows: readonly LayerTrace[]): number {
  return mean(rows.map(({ routerLogits }) => -logSoftmax(routerLogits).reduce((total, logProb) => total + Math.exp(logProb) * logProb, 0)));
}

/** Whether the router itself would send the token there. */
function isOwn(logits: Float64Array, { expert, config }: { expert: number; config: PolicyConfig }): boolean {
  return logits.filter((logit) => logit > logits[expert]!).length < config.expertsPerToken;
}

/** E sum_e f_e P_e: f_e is the share of choices that fell on expert e, P_e its mean probability. */
function balance(rows: readonly LayerTrace[], { numExperts: E, expertsPerToken: k }: PolicyConfig): number {
  const experts = Array.from({ length: E }, (_, expert) => expert);
  const f = experts.map((expert) => rows.filter((row) => row.experts.includes(expert)).length / (rows.length * k));
  const P = experts.map((expert) => mean(rows.map(({ routerLogits }) => Math.exp(logSoftmax(routerLogits)[expert]!))));
  return E * experts.reduce((total, expert) => total + f[expert]! * P[expert]!, 0);
}

function zLoss(rows: readonly LayerTrace[]): number {
  return mean(rows.map(({ routerLogits }) => Math.log(routerLogits.reduce((total, logit) => total + Math.exp(logit), 0)) ** 2));
}

/** (L(p + h d) - L(p - h d)) / 2h, in float64. */
function centralDifference(about: Case, direction: Float32Array<ArrayBuffer>): number {
  const h = 1e-5;
  const [at, along] = [referenceOf(about.config, about.parameters), referenceOf(about.config, direction)];
  const moved = (step: number): number => {
    const tensors = [...at.tensors].map(([name, values]) => {
      return [name, values.map((value, i) => value + step * along.tensors.get(name)![i]!)] as const;
    });
    return inReference({ ...at, tensors: new Map(tensors) }, about).total;
  };
  return (moved(h) - moved(-h)) / (2 * h);
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((total, value, i) => total + value * b[i]!, 0);
}

describe("trainGraph", () => {
  const cases = [
    ...Object.entries(configs).map(([name, config]) => ({ name, about: caseOf(config) })),
    ...Object.entries(replayed).map(([name, config]) => ({ name: `replayed experts, ${name}`, about: replayedCase(config) })),
  ];
  for (const { name, about } of cases) {
    test(`gives loss, metrics and every tensor's gradient, with ${name}`, async () => {
      const { config } = about;
      const { gradient, metrics, sent } = await inEngine(about);
      const { metrics: expected, sent: expectedSent } = inReference(referenceOf(config, about.parameters), about);
      assert.deepEqual(sent, expectedSent);
      assert.deepEqual(Object.keys(metrics).sort(), Object.keys(expected).sort());
      for (const [metric, value] of Object.entries(expected)) {
        assert.ok(Math.abs(metrics[metric]! - value) < 1e-5, `${metric}: ${metrics[metric]}, expected ${value}`);
      }
      for (const entry of parameterLayout(config).entries) {
        const direction = new Float32Array(gradient.length);
        const rng = rngFor("direction", entry.name);
        const own = parameterView(direction, entry);
        own.set(own.map(() => rng.normal()));
        const slope = centralDifference(about, direction);
        // A random direction sees about the gradient's norm.
        const norm = Math.sqrt(
          dot(
            gradient,
            gradient.map((value, i) => (direction[i] === 0 ? 0 : value)),
          ),
        );
        const error = Math.abs(dot(gradient, direction) - slope);
        assert.ok(norm > 1e-5, `${entry.name}: a gradient of norm ${norm} says nothing`);
        assert.ok(error < 2e-5 * norm, `${entry.name}: ${dot(gradient, direction)}, expected ${slope}, norm ${norm}`);
      }
    });
  }

  test("leaves the output head out where a critic's loss reads only values", () => {
    const config = configs["a value head"]!;
    const ofValues: Loss = {
      name: "values",
      settings: {},
      build: ({ value_N, column }) => ({ loss: halfSquares(value_N!, column), metrics: {} }),
    };
    const names = trainGraph(ofValues, { config, pieces: parameterPieces(parameterLayout(config)) }).pieces.map(({ name }) => name);
    assert.equal(names.includes("head"), false);
    assert.ok(names.includes("valueHead") && names.includes("layers.0.down.3") && names.includes("finalNorm"));
  });

  test("lists the columns that the loss reads, once each", () => {
    const graph = trainGraph(loss, { config: base, pieces: parameterPieces(parameterLayout(base)) });
    assert.deepEqual(graph.columns, ["weight"]);
    assert.deepEqual([graph.metrics, graph.maxima], [["loss", "entropy", "routerBalance", "routerZLoss", "routerEntropy"], []]);
  });

  test("is the same program each time it is built", () => {
    const bytes = () => trainGraph(loss, { config: base, pieces: parameterPieces(parameterLayout(base)) }).model.bytes;
    assert.ok(Buffer.from(bytes()).equals(bytes()));
  });
});
