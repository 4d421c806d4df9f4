// Assertions as data: where every statement of a test says no more than "this call of the program's function with these literals gives that
// literal", it becomes a call and an expectation, and the expectation never leaves this process. Anything else is left as code.

import { Cursor, NotLiteral } from "./cursor.ts";
import { javaScriptLiteral, skipJavaScriptSpace } from "./javaScriptLiteral.ts";
import { pythonLiteral, skipSpace } from "./pythonLiteral.ts";
import { type Equality, equals, type Value } from "./values.ts";

/** What a call must give. */
export type Expectation =
  | { readonly kind: "equals"; readonly value: Value; readonly equality: Equality }
  | { readonly kind: "truth"; readonly value: boolean; readonly in: "python" | "javascript" };

/** One call with literals. */
export interface ExpectedCall {
  readonly function: string;
  readonly args: readonly Value[];
  readonly keywords: readonly (readonly [name: string, value: Value])[];
  readonly expectation: Expectation;
}

const name = /[A-Za-z_]\w*(?!\w)/y;
const blank = /(?:[ \t\f]*(?:#[^\n]*)?\r?\n)*/y;
const inlineSpace = /[ \t\f]*/y;
const lineEnd = /[ \t\f]*(?:;[ \t]*)?(?:#[^\n]*)?\r?(?:\n|$)/y;
/** A program may define some of these itself; then its tests stay code. */
const keyword =
  /^(?:not|abs|set|sorted|len|list|tuple|str|int|float|all|any|round|type|isinstance|map|min|max|dict|lambda|True|False|None|math|print|repr|and|or|in|is|if|else)$/;

/** The calls of Python test code: `assert` statements, alone or in a `def check(candidate):`. Undefined where it holds anything else. */
export function pythonAsserts(code: string, entryPoint: string | undefined): ExpectedCall[] | undefined {
  const cursor = new Cursor(code.endsWith("\n") ? code : `${code}\n`);
  return cursor.attempt(() => {
    const calls: ExpectedCall[] = [];
    let candidate: string | undefined;
    for (cursor.take(blank); !cursor.isAtEnd; cursor.take(blank)) {
      const indent = cursor.take(inlineSpace) ?? "";
      if (cursor.isAtEnd) break;
      if (indent !== "" && candidate === undefined) throw new NotLiteral("an indented statement");
      if (indent === "" && candidate !== undefined) {
        if (cursor.take(/check\(\w+\)/y) === undefined) throw new NotLiteral("code after the check");
        endLine(cursor);
        continue;
      }
      const header = cursor.take(/def check\(\s*\w+\s*\)\s*:/y);
      if (header !== undefined && entryPoint !== undefined && candidate === undefined) {
        candidate = /\(\s*(\w+)/.exec(header)![1]!;
        endLine(cursor);
        continue;
      }
      if (indent === "" && cursor.take(/METADATA\s*=/y) !== undefined) pythonLiteral(cursor);
      else if (cursor.take(/pass(?!\w)/y) === undefined) {
        const call = assertStatement(cursor);
        if (call !== undefined) calls.push({ ...call, function: call.function === candidate ? entryPoint! : call.function });
      }
      endLine(cursor);
    }
    if (calls.length === 0) throw new NotLiteral("no assertion");
    return calls;
  });
}

function endLine(cursor: Cursor): void {
  if (cursor.take(lineEnd) === undefined) throw new NotLiteral("more on the line");
}

/** Undefined for an assertion of a constant. */
function assertStatement(cursor: Cursor): ExpectedCall | undefined {
  if (cursor.take(/assert(?=[\s(])/y) === undefined) throw new NotLiteral("a statement that is no assertion");
  cursor.take(inlineSpace);
  const call = condition(cursor);
  cursor.take(inlineSpace);
  // The message is nobody's business, but it may be an expression over lines.
  if (cursor.skip(",")) {
    cursor.take(inlineSpace);
    pythonLiteral(cursor);
    cursor.take(/[ \t]*\+[^;\n]*/y);
  }
  return call;
}

function condition(cursor: Cursor): ExpectedCall | undefined {
  const wrapped = cursor.attempt(() => {
    cursor.expect("(");
    skipSpace(cursor);
    const inner = condition(cursor);
    skipSpace(cursor);
    cursor.expect(")");
    if (!/^[ \t]*(?:[,;#\r\n)]|$)/.test(cursor.text.slice(cursor.at, cursor.at + 80))) throw new NotLiteral("more than parentheses");
    return { inner };
  });
  if (wrapped !== undefined) return wrapped.inner;
  if (cursor.take(/not\s+/y) !== undefined) return { ...call(cursor), expectation: { kind: "truth", value: false, in: "python" } };
  const near = cursor.attempt(() => nearness(cursor));
  if (near !== undefined) return near;
  const left = cursor.attempt(() => call(cursor)) ?? pythonLiteral(cursor);
  cursor.take(inlineSpace);
  const operator = cursor.take(/==|is(?!\w)(?!\s+not)/y);
  if ("function" in left) {
    if (operator === undefined) return { ...left, expectation: { kind: "truth", value: true, in: "python" } };
    cursor.take(inlineSpace);
    const value = pythonLiteral(cursor);
    if (operator === "is" && value.type !== "bool" && value.type !== "none") throw new NotLiteral("identity");
    // `is True` is not met by 1, as JSON's true is not.
    return { ...left, expectation: { kind: "equals", value, equality: { kind: operator === "is" ? "json" : "python", tolerance: 0 } } };
  }
  if (operator === undefined) {
    if (left.type === "bool" && left.value) return undefined;
    throw new NotLiteral("a constant that fails");
  }
  cursor.take(inlineSpace);
  return { ...call(cursor), expectation: { kind: "equals", value: left, equality: { kind: "python", tolerance: 0 } } };
}

/** `abs(f(...) - 1.5) < 1e-6` */
function nearness(cursor: Cursor): ExpectedCall {
  cursor.expect("abs(");
  skipSpace(cursor);
  const found = call(cursor);
  skipSpace(cursor);
  cursor.expect("-");
  const value = pythonLiteral(cursor);
  skipSpace(cursor);
  cursor.expect(")");
  cursor.take(inlineSpace);
  if (cursor.take(/<=?/y) === undefined) throw new NotLiteral("no bound");
  const bound = pythonLiteral(cursor);
  if (bound.type !== "float" || (value.type !== "float" && value.type !== "int")) throw new NotLiteral("a bound that is no number");
  return { ...found, expectation: { kind: "equals", value, equality: { kind: "python", tolerance: bound.value } } };
}

type Call = Omit<ExpectedCall, "expectation">;

/** A call whose arguments are literals, also by keyword. */
function call(cursor: Cursor): Call {
  const functionName = cursor.take(name);
  if (functionName === undefined || keyword.test(functionName) || cursor.take(/ ?\(/y) === undefined) throw new NotLiteral("no call");
  const args: Value[] = [];
  const keywords: [string, Value][] = [];
  for (;;) {
    skipSpace(cursor);
    if (cursor.skip(")")) break;
    const keywordName = cursor.take(/[A-Za-z_]\w*\s*=(?!=)/y)?.replace(/\s*=$/, "");
    if (keywordName !== undefined) keywords.push([keywordName, pythonLiteral(cursor)]);
    else if (keywords.length > 0) throw new NotLiteral("a place after a keyword");
    else args.push(pythonLiteral(cursor));
    skipSpace(cursor);
    if (cursor.skip(")")) break;
    cursor.expect(",");
  }
  const next = cursor.text.slice(cursor.at, cursor.at + 40).trimStart();
  if (/^(?:[.[(*/%+&|^<>]|!=|and\b|or\b|in\b|if\b|not\b|is\s+not\b)/.test(next)) throw new NotLiteral("more than a call");
  return { function: functionName, args, keywords };
}

const javaScriptAssert =
  /(?:assert(?:\.(?:strict))?\.(?:equal|strictEqual|deepEqual|deepStrictEqual)|assert(?:\.ok)?|console\.assert)\s*\(/y;

const assertImport =
  /(?:const|import)\s+(?:\{\s*)?assert(?:\s*\})?\s*(?:=\s*require\(["'](?:node:)?assert(?:\/strict)?["']\)|from\s+["'](?:node:)?assert(?:\/strict)?["'])/y;

/** The calls of JavaScript test code: `assert.equal`, `assert.deepEqual` and their strict forms, `assert(f(...) === literal)`. */
export function javaScriptAsserts(code: string): ExpectedCall[] | undefined {
  const cursor = new Cursor(code);
  return cursor.attempt(() => {
    const calls: ExpectedCall[] = [];
    let isStrict = false;
    for (skipStatementEnds(cursor); !cursor.isAtEnd; skipStatementEnds(cursor)) {
      const imported = cursor.take(assertImport);
      if (imported !== undefined) {
        isStrict ||= imported.includes("/strict");
        continue;
      }
      const head = cursor.take(javaScriptAssert);
      if (head === undefined) throw new NotLiteral("a statement that is no assertion");
      skipJavaScriptSpace(cursor);
      calls.push(/qual\s*\($/.test(head) ? twoSides(cursor, isStrict || /trict/.test(head)) : comparison(cursor));
      skipJavaScriptSpace(cursor);
      if (cursor.skip(",")) {
        javaScriptLiteral(cursor);
        skipJavaScriptSpace(cursor);
      }
      cursor.expect(")");
    }
    if (calls.length === 0) throw new NotLiteral("no assertion");
    return calls;
  });
}

const strictly: Equality = { kind: "javascript", tolerance: 0 };
const asNumbers: Equality = { kind: "javascript ===", tolerance: 0 };

function skipStatementEnds(cursor: Cursor): void {
  do skipJavaScriptSpace(cursor);
  while (cursor.skip(";"));
}

function twoSides(cursor: Cursor, isStrict: boolean): ExpectedCall {
  const found = javaScriptCall(cursor);
  skipJavaScriptSpace(cursor);
  cursor.expect(",");
  const value = javaScriptLiteral(cursor);
  // Loose equality of unlike types has rules of its own; where both sides are alike it is strict equality.
  if (!isStrict && (value.type === "none" || value.type === "undefined")) throw new NotLiteral("loose equality with nothing");
  return { ...found, expectation: { kind: "equals", value, equality: isStrict ? strictly : asNumbers } };
}

function comparison(cursor: Cursor): ExpectedCall {
  const isNegated = cursor.skip("!");
  const found = javaScriptCall(cursor);
  skipJavaScriptSpace(cursor);
  if (isNegated || cursor.take(/===?/y) === undefined)
    return { ...found, expectation: { kind: "truth", value: !isNegated, in: "javascript" } };
  const value = javaScriptLiteral(cursor);
  if (value.type === "list" || value.type === "dict") throw new NotLiteral("identity of objects");
  if (value.type === "float" && Number.isNaN(value.value)) throw new NotLiteral("what is never so");
  return { ...found, expectation: { kind: "equals", value, equality: asNumbers } };
}

function javaScriptCall(cursor: Cursor): Call {
  const functionName = cursor.take(/[A-Za-z_$][\w$]*/y);
  if (functionName === undefined || !cursor.skip("(")) throw new NotLiteral("no call");
  const args: Value[] = [];
  for (;;) {
    skipJavaScriptSpace(cursor);
    if (cursor.skip(")")) break;
    args.push(javaScriptLiteral(cursor));
    skipJavaScriptSpace(cursor);
    if (cursor.skip(")")) break;
    cursor.expect(",");
  }
  return { function: functionName, args, keywords: [] };
}

/** Whether what a call gave is what was expected. */
export function meets(value: Value, expectation: Expectation): boolean {
  if (expectation.kind === "equals") return equals(value, expectation.value, expectation.equality);
  return (expectation.in === "python" ? isTrue(value) : isTruthy(value)) === expectation.value;
}

/** Truth in JavaScript, where objects are true whatever they hold. */
function isTruthy(value: Value): boolean {
  if (value.type === "none" || value.type === "undefined") return false;
  return "value" in value ? Boolean(value.value) : true;
}

/** Truth in Python; an object of the program's own type is neither, since only its own code could say. */
function isTrue(value: Value): boolean | undefined {
  switch (value.type) {
    case "none":
    case "undefined":
      return false;
    case "bool":
      return value.value;
    case "int":
      return value.value !== 0n;
    case "float":
      return value.value !== 0;
    case "complex":
      return value.real !== 0 || value.imaginary !== 0;
    case "str":
      return value.value !== "";
    case "bytes":
      return value.hex !== "";
    case "dict":
    case "map":
      return value.entries.length > 0;
    case "object":
      return undefined;
    default:
      return value.items.length > 0;
  }
}
