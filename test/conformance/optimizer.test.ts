// The laws of optimizers, on each of them.

import { adamW } from "../../src/optim/adamw.ts";
import { optimizerLaws } from "./optimizer.laws.ts";

optimizerLaws({
  name: "adamW",
  init: adamW.init,
  update: (state, { parameters, gradient, learningRate }) =>
    adamW.update(state, {
      parameters,
      gradient,
      gradientScale: 1,
      ranges: [{ from: 0, to: parameters.length, decays: false }],
      settings: { learningRate, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0 },
    }),
});
