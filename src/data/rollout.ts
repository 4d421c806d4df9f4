// One sampled response to a task, with everything needed to score it, to train on it and to sample it again.
// What it earned is not part of it: verdicts and advantages are kept beside it.

/** A response as it was sampled; nothing in it changes afterwards. */
export interface Rollout {
  readonly id: string;
  readonly taskId: string;
  /** Position of the task in its step. */
  readonly group: number;
  /** Position of the rollout in its group. */
  readonly index: number;
  /** Digest of the parameters that sampled it, and from which response token on. */
  readonly policy: readonly { readonly version: string; readonly from: number }[];
  /** Names the rollout's own random stream (48 hexadecimal digits). */
  readonly seed: string;
  readonly promptTokens: Int32Array;
  /** Response tokens, the end-of-turn token included when the policy stopped by itself. */
  readonly tokens: Int32Array;
  /** 1 where the policy chose the token, 0 where it was forced (a budget's close). Same length as `tokens`. */
  readonly chosen: Uint8Array;
  /** Natural log-probability of each chosen token under the distribution it was drawn from; NaN where forced. */
  readonly logProbs: Float32Array;
  /** Training divides its logits by the same number. */
  readonly temperature: number;
  /**
   * Where sampling sent the tokens, for replay in training: expert ids [tokens, layers, experts a token], heaviest expert first, of prompt
   * and response in order but for the last response token, which was drawn and not fed to the network any more. Absent where nobody asked.
   */
  readonly experts?: Uint16Array;
  readonly thinking: {
    readonly tokens: number;
    readonly budget?: number;
    /** "none": thinking was never opened, or never closed. */
    readonly closedBy: "policy" | "budget" | "none";
  };
  /** "paused": as many tokens as one call was to sample; a later call may go on, and until then it is not scored. */
  readonly finish: "stop" | "length" | "cancelled" | "paused";
  readonly thinkingText: string;
  readonly answerText: string;
}

/**
 * Whether the policy itself ended its thinking, so that it kept to its budget. A response that came to its end without any thinking did; one
 * that thought without an end did not, in a block or before an answer that was cut off. With a budget of 0 there is nothing to end.
 */
export function closedInTime({ thinking, finish }: Pick<Rollout, "thinking" | "finish">): boolean {
  return thinking.closedBy === "none" ? thinking.tokens === 0 && finish === "stop" : thinking.closedBy === "policy";
}
