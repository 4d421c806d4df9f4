import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { alphabet } from "../../src/data/alphabet.ts";
import type { Demonstration, Message } from "../../src/data/task.ts";
import { byteTokenizerJson, characterTokenizerJson } from "../../src/policy/alphabets.ts";
import { chatTemplate, encodeDemonstration, encodePrompt, splitResponse, splitResponseText } from "../../src/policy/chat.ts";
import { controlTokens, loadTokenizer } from "../../src/policy/tokenizer.ts";

const bytes = loadTokenizer(byteTokenizerJson());
const { turnStartId, endOfTurnId, thinkOpenId, thinkCloseId } = bytes;

const user = (content: string): Message => ({ role: "user", content });

const demonstration = ({
  thinking,
  answer,
  ...task
}: {
  thinking: string;
  answer: string;
  messages: readonly Message[];
  thinkingBudget?: number;
}): Demonstration => ({
  task: { id: "1", family: "f", verifier: "v", reference: null, ...task },
  thinking,
  answer,
});

/** Text that looks like the format, mixed with text that does not. */
const adversarial = fc
  .array(
    fc.oneof(
      fc.constantFrom(...Object.values(controlTokens), "\n", "assistant", "user\n", ""),
      fc.string({ unit: "binary", maxLength: 4 }),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join("").toWellFormed());

describe("encodePrompt", () => {
  test("is the text of the template, token by token", () => {
    const messages: Message[] = [{ role: "system", content: "s" }, user("1+1"), { role: "assistant", content: "2" }, user("\nok")];
    assert.equal(
      bytes.decode(encodePrompt({ messages }, bytes)),
      "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\n1+1<|im_end|>\n<|im_start|>assistant\n2<|im_end|>\n<|im_start|>user\n\nok<|im_end|>\n<|im_start|>assistant\n",
    );
  });

  test("costs three tokens a header where roles are tokens, whatever the alphabet", () => {
    const digits = loadTokenizer(characterTokenizerJson("12+="));
    // Vocabulary: <unk> 0, line feed 1, "1" 2, "2" 3, "+" 4, "=" 5, then control tokens 6 to 9, system 10, user 11, assistant 12.
    assert.deepEqual([...encodePrompt({ messages: [user("1+2=")] }, digits)], [6, 11, 1, 2, 4, 3, 5, 7, 1, 6, 12, 1]);
  });

  test("encodes header and content in one piece, with roles spelled out where they are no tokens", () => {
    const json = JSON.parse(bytes.json) as {
      added_tokens: { content: string }[];
      model: { vocab: Record<string, number>; merges: unknown[] };
    };
    // "Ċ" is how byte-level vocabularies write a line feed: two of them merge, across the border of header and content.
    json.model.vocab["ĊĊ"] = 400;
    json.model.merges = [["Ċ", "Ċ"]];
    const start = () => [...encodePrompt({ messages: [user("\nx")] }, loadTokenizer(JSON.stringify(json)))].slice(0, 7);
    assert.deepEqual(start().slice(0, 4), [turnStartId, bytes.addedTokenId("user"), 400, 120]);
    json.added_tokens = json.added_tokens.filter(({ content }) => content !== "user");
    assert.deepEqual(start(), [turnStartId, ...Buffer.from("user"), 400, 120]);
  });

  test("closes the thinking in the prompt when its budget is 0, and only then", () => {
    const open = encodePrompt({ messages: [user("x")] }, bytes);
    const closed = encodePrompt({ messages: [user("x")], thinkingBudget: 0 }, bytes);
    assert.deepEqual([...closed], [...open, thinkOpenId, thinkCloseId]);
    assert.equal(encodePrompt({ messages: [user("x")], thinkingBudget: 5 }, bytes).includes(thinkOpenId), false);
  });

  test("tells a budget in a turn of its own before the assistant's, after everything that does not depend on it", () => {
    const prompt = (thinkingBudget: number): string => bytes.decode(encodePrompt({ messages: [user("x")], thinkingBudget }, bytes));
    assert.equal(prompt(128), "<|im_start|>user\nx<|im_end|>\n<|im_start|>system\nthink 128<|im_end|>\n<|im_start|>assistant\n");
    assert.equal(prompt(5), prompt(128).replace("128", "5"));
  });

  test("tells a budget to character-level policies in the characters that families write with", () => {
    const characters = loadTokenizer(characterTokenizerJson(alphabet));
    const tokens = encodePrompt({ messages: [user("1+1=?")], thinkingBudget: 16 }, characters);
    assert.match(characters.decode(tokens), /<\|im_start\|>system\nthink 16<\|im_end\|>/);
    const digits = loadTokenizer(characterTokenizerJson("12+="));
    assert.throws(() => encodePrompt({ messages: [user("1+2=")], thinkingBudget: 16 }, digits), /characters of the vocabulary.*"think 16"/);
  });

  test("never lets a message place a control token", () => {
    fc.assert(
      fc.property(fc.array(adversarial, { minLength: 1, maxLength: 3 }), (contents) => {
        const tokens = [...encodePrompt({ messages: contents.map(user) }, bytes)];
        const control = tokens.filter((id) => id >= 256 && id <= 259);
        assert.deepEqual(control, [...contents.flatMap(() => [turnStartId, endOfTurnId]), turnStartId]);
        // The contents are all there: decoding between the control tokens gives them back.
        const starts = tokens.flatMap((id, i) => (id === turnStartId ? [i] : [])).slice(0, -1);
        assert.deepEqual(
          starts.map((start) => bytes.decode(tokens.slice(start + 3, tokens.indexOf(endOfTurnId, start)))),
          contents,
        );
      }),
      { seed: 4 },
    );
  });
});

describe("encodeDemonstration", () => {
  const sum = { messages: [user("12+3=")], thinking: "2+3=5", answer: "15" };

  test("continues the prompt with thinking, answer and end of turn, and learns exactly those", () => {
    const { tokens, targets } = encodeDemonstration(demonstration(sum), bytes);
    const prompt = encodePrompt(sum, bytes);
    assert.deepEqual(tokens.slice(0, prompt.length), prompt);
    assert.equal(bytes.decode(tokens.slice(prompt.length)), "<think>2+3=5</think>15<|im_end|>");
    assert.deepEqual(
      [...targets],
      Array.from({ length: tokens.length - prompt.length }, (_, i) => prompt.length + i),
    );
  });

  test("shows a closed block when there is no thinking", () => {
    const { tokens, targets } = encodeDemonstration(demonstration({ ...sum, thinking: "" }), bytes);
    assert.equal(bytes.decode(tokens.slice(targets[0])), "<think></think>15<|im_end|>");
  });

  test("teaches only the answer when the prompt has closed the thinking", () => {
    const { tokens, targets } = encodeDemonstration(demonstration({ ...sum, thinkingBudget: 0 }), bytes);
    assert.equal(bytes.decode(tokens.slice(targets[0])), "15<|im_end|>");
    assert.equal(bytes.decode(tokens.slice(0, targets[0])).endsWith("assistant\n<think></think>"), true);
  });

  describe("under a budget", () => {
    const styles = { messages: [user("17+25-8=?")], thinking: "17+25=42;42-8=34", answer: "34" };
    const under = (thinkingBudget: number, terser: readonly string[] = ["42;34"]) => {
      const encoded = encodeDemonstration({ ...demonstration({ ...styles, thinkingBudget }), terser }, bytes);
      const { length } = encodePrompt({ ...styles, thinkingBudget }, bytes);
      const untrained = Array.from(encoded.tokens.keys()).filter((at) => at >= length && !encoded.targets.includes(at));
      return { response: bytes.decode(encoded.tokens.subarray(length)), untrained: untrained.map((at) => at - length) };
    };

    test("thinks in the most detailed style that leaves room for its close", () => {
      // 16 and 5 tokens: at as many tokens as the budget the close would be forced.
      assert.deepEqual(under(17), { response: "<think>17+25=42;42-8=34</think>34<|im_end|>", untrained: [] });
      assert.deepEqual(under(16), { response: "<think>42;34</think>34<|im_end|>", untrained: [] });
      assert.deepEqual(under(6), { response: "<think>42;34</think>34<|im_end|>", untrained: [] });
    });

    test("is cut where no style fits: the close is not learned, the answer after it is", () => {
      // "<think>" is at 0, four tokens of thinking follow, the forced close is at 5.
      assert.deepEqual(under(5), { response: "<think>42;34</think>34<|im_end|>", untrained: [6] });
      assert.deepEqual(under(4), { response: "<think>42;3</think>34<|im_end|>", untrained: [5] });
      assert.deepEqual(under(4, []), { response: "<think>17+2</think>34<|im_end|>", untrained: [5] });
    });
  });

  test("is taken apart again by splitResponse, whatever the text", () => {
    fc.assert(
      fc.property(adversarial, adversarial, (thinking, answer) => {
        const { tokens, targets } = encodeDemonstration(demonstration({ messages: [user("x")], thinking, answer }), bytes);
        assert.deepEqual(splitResponse(tokens.slice(targets[0]), bytes), {
          thinkingText: thinking,
          answerText: answer,
          thinkingTokens: Buffer.byteLength(thinking),
          closed: true,
        });
      }),
      { seed: 5 },
    );
  });
});

describe("splitResponse", () => {
  const split = (...parts: readonly (string | number)[]) =>
    splitResponse(
      parts.flatMap((part) => (typeof part === "number" ? [part] : [...bytes.encode(part)])),
      bytes,
    );

  test("takes a response without a block as answer", () => {
    assert.deepEqual(split("15", endOfTurnId), { thinkingText: "", answerText: "15", thinkingTokens: 0, closed: false });
  });

  test("has no answer while the thinking is open", () => {
    assert.deepEqual(split(thinkOpenId, "1+"), { thinkingText: "1+", answerText: "", thinkingTokens: 2, closed: false });
    assert.deepEqual(split(thinkOpenId, "1+", endOfTurnId), { thinkingText: "1+", answerText: "", thinkingTokens: 2, closed: false });
  });

  test("shows a second block, and a block that does not come first, as part of the answer", () => {
    assert.equal(split(thinkOpenId, "a", thinkCloseId, "15", thinkOpenId, "b", thinkCloseId, "16").answerText, "15<think>b</think>16");
    assert.deepEqual(split("15", thinkOpenId, "b", thinkCloseId), {
      thinkingText: "",
      answerText: "15<think>b</think>",
      thinkingTokens: 0,
      closed: false,
    });
    assert.equal(split(thinkCloseId, "15").answerText, "</think>15");
  });

  test("counts a second opening as thinking", () => {
    assert.deepEqual(split(thinkOpenId, thinkOpenId, thinkCloseId, "x"), {
      thinkingText: "<think>",
      answerText: "x",
      thinkingTokens: 1,
      closed: true,
    });
  });

  test("ends at the end of the turn", () => {
    assert.equal(split("15", endOfTurnId, "16").answerText, "15");
  });

  test("takes an empty response", () => {
    assert.deepEqual(split(), { thinkingText: "", answerText: "", thinkingTokens: 0, closed: false });
  });
});

describe("splitResponseText", () => {
  test("takes the text of a response apart as splitResponse does its tokens", () => {
    const part = fc.oneof(fc.constantFrom(thinkOpenId, thinkCloseId, endOfTurnId), fc.constantFrom("a", "1+2", "\n", " ", "é"));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const tokens = parts.flatMap((each) => (typeof each === "number" ? [each] : [...bytes.encode(each)]));
        const { thinkingText, answerText } = splitResponse(tokens, bytes);
        assert.deepEqual(splitResponseText(bytes.decode(tokens)), { thinkingText, answerText });
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  test("has no answer while the thinking is open, and no thinking that does not come first", () => {
    assert.deepEqual(splitResponseText("<think>1+2"), { thinkingText: "1+2", answerText: "" });
    assert.deepEqual(splitResponseText("15<think>b</think>"), { thinkingText: "", answerText: "15<think>b</think>" });
    assert.deepEqual(splitResponseText("<think>a</think>15<|im_end|>16"), { thinkingText: "a", answerText: "15" });
  });
});

test("chatTemplate spells the format that encodePrompt produces", () => {
  // Compared by hand with jinja2 3.1 on several turns and budgets; a change here must change encodePrompt too.
  assert.equal(
    chatTemplate,
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endfor %}" +
      "{%- if add_generation_prompt %}" +
      "{%- set closed = (enable_thinking is defined and enable_thinking is false) or (thinking_budget is defined and thinking_budget == 0) %}" +
      "{%- if thinking_budget is defined and thinking_budget and not closed %}" +
      "{{- '<|im_start|>system\\nthink ' ~ thinking_budget ~ '<|im_end|>\\n' }}{%- endif %}" +
      "{{- '<|im_start|>assistant\\n' }}{%- if closed %}{{- '<think></think>' }}{%- endif %}{%- endif %}",
  );
});
