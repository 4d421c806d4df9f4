// One response while it grows: its own random stream, the state of its thinking, and what is recorded of each token. A response may be
// paused after some tokens and go on in a later call; it then stands, draws included, exactly where it stood.

import { type Rng, rngFromSeed } from "../base/rng.ts";
import type { Rollout } from "../data/rollout.ts";
import type { SampleRequest } from "./backend.ts";
import { type Draw, drawToken } from "./draw.ts";
import { GrowingExperts } from "./experts.ts";

/** The tokens that a response is steered by. */
export interface ResponseTokens {
  readonly thinkOpenId: number;
  readonly thinkCloseId: number;
  readonly endOfTurnId: number;
}

/** A response as numbers; texts are added where the tokenizer lives. */
export type SampledResponse = Pick<Rollout, "tokens" | "chosen" | "logProbs" | "experts" | "finish"> & {
  readonly request: SampleRequest;
  readonly closedBy: Rollout["thinking"]["closedBy"];
};

/** What a response starts with, beside its request. */
export interface ResponseStart {
  readonly control: ResponseTokens;
  /** Where all but the last token of the prompt were sent; undefined where nobody asked. */
  readonly promptExperts: Uint16Array | undefined;
}

/** What the policy says after the last token. */
export interface NextToken {
  /** Log-probabilities [V]. */
  readonly logProbs: Float32Array;
  /** Where the last token was sent, [L, k]. */
  readonly experts: Uint16Array | undefined;
}

/** One response, token by token. */
export class GrowingResponse {
  readonly request: SampleRequest;
  readonly #control: ResponseTokens;
  readonly #rng: Rng;
  readonly #tokens: number[] = [];
  readonly #chosen: number[] = [];
  readonly #logProbs: number[] = [];
  readonly #experts: GrowingExperts | undefined;
  /** Tokens of earlier calls. */
  readonly #numEarlier: number;
  #thinking: "unopened" | "open" | "closed" = "unopened";
  #closedBy: Rollout["thinking"]["closedBy"] = "none";

  constructor(request: SampleRequest, { control, promptExperts }: ResponseStart) {
    this.request = request;
    this.#control = control;
    this.#rng = rngFromSeed(request.seed);
    const experts = request.recordExperts ? (request.continues?.experts ?? promptExperts) : undefined;
    this.#experts = experts && new GrowingExperts(experts);
    if (request.continues !== undefined) this.#catchUp(request.continues);
    this.#numEarlier = this.#tokens.length;
  }

  get numTokens(): number {
    return this.request.promptTokens.length + this.#tokens.length;
  }

  get lastToken(): number {
    return this.#tokens.at(-1) ?? this.request.promptTokens.at(-1)!;
  }

  /** Takes the next token, drawn or forced. Returns how the response ended, if it did, or that it pauses. */
  extend({ logProbs, experts }: NextToken, maxPositions: number): "stop" | "length" | "paused" | undefined {
    if (experts !== undefined) this.#experts?.add(experts);
    if (this.#mustClose()) {
      this.#takeForced(this.#control.thinkCloseId);
    } else {
      const draw = drawToken(logProbs, this.request, this.#rng);
      this.#takeChosen(draw);
      if (draw.token === this.#control.endOfTurnId) return "stop";
    }
    const { maxNewTokens, pauseAfter = Number.POSITIVE_INFINITY } = this.request;
    if (this.#tokens.length >= maxNewTokens || this.numTokens >= maxPositions) return "length";
    return this.#tokens.length - this.#numEarlier >= pauseAfter ? "paused" : undefined;
  }

  result(finish: Rollout["finish"]): SampledResponse {
    return {
      request: this.request,
      tokens: Int32Array.from(this.#tokens),
      chosen: Uint8Array.from(this.#chosen),
      logProbs: Float32Array.from(this.#logProbs),
      ...(this.#experts === undefined ? {} : { experts: this.#experts.all() }),
      finish,
      closedBy: this.#closedBy,
    };
  }

  /** Takes the tokens of earlier calls, and the draws that they took from the random stream. */
  #catchUp({ tokens, chosen, logProbs }: Rollout): void {
    for (const [i, token] of tokens.entries()) {
      if (chosen[i] === 0) {
        this.#takeForced(token);
        continue;
      }
      this.#rng.uniform(); // what the draw took; at temperature 0 nobody draws
      this.#takeChosen({ token, logProb: logProbs[i]! });
    }
  }

  /** Whether as many tokens were thought as the budget allows. The opening token is not counted. */
  #mustClose(): boolean {
    const { thinkingBudget } = this.request;
    return this.#thinking === "open" && thinkingBudget !== undefined && this.#tokens.length - 1 >= thinkingBudget;
  }

  /** The close of a budget, which is the only token that is ever forced. */
  #takeForced(token: number): void {
    this.#push({ token, logProb: Number.NaN }, false);
    this.#closedBy = "budget";
    this.#thinking = "closed";
  }

  #takeChosen(draw: Draw): void {
    this.#push(draw, true);
    if (this.#tokens.length === 1 && draw.token === this.#control.thinkOpenId) this.#thinking = "open";
    else if (this.#thinking === "open" && draw.token === this.#control.thinkCloseId) {
      this.#thinking = "closed";
      this.#closedBy = "policy";
    }
  }

  #push({ token, logProb }: Draw, isChosen: boolean): void {
    this.#tokens.push(token);
    this.#logProbs.push(logProb);
    this.#chosen.push(isChosen ? 1 : 0);
  }
}
