// What LaTeX commands and typographic characters mean to the tokenizer, as tables. A command that is in none of them is not read,
// and the answer that holds it is compared as text.

/** Commands that only dress: spacing, sizes, styles. */
export const ignoredCommands = new Set(
  (
    "left right displaystyle textstyle scriptstyle limits nolimits quad qquad enspace thinspace middle boxed fbox big Big bigg Bigg bigl bigr Bigl Bigr " +
    "biggl biggr Biggl Biggr phantom hspace vspace boldsymbol mathbf mathit mathcal mathsf bm vec hat overrightarrow ensuremath"
  ).split(" "),
);

/** Commands that stand for a sign of the grammar. */
export const signCommands: Readonly<Record<string, string>> = {
  times: "*",
  cdot: "*",
  ast: "*",
  bullet: "*",
  div: "/",
  pm: "±",
  mp: "∓",
  le: "<=",
  leq: "<=",
  leqslant: "<=",
  leqq: "<=",
  ge: ">=",
  geq: ">=",
  geqslant: ">=",
  geqq: ">=",
  lt: "<",
  gt: ">",
  ne: "!=",
  neq: "!=",
  approx: "~",
  in: "∈",
  cup: "∪",
  bigcup: "∪",
  cap: "∩",
  bigcap: "∩",
  setminus: "∖",
  backslash: "∖",
  mid: "|",
  vert: "|",
  lvert: "|",
  rvert: "|",
  colon: ":",
  lbrace: "\\{",
  rbrace: "\\}",
  lbrack: "[",
  rbrack: "]",
  langle: "⟨",
  rangle: "⟩",
  lfloor: "⌊",
  rfloor: "⌋",
  lceil: "⌈",
  rceil: "⌉",
  degree: "°",
  lor: "∨",
  vee: "∨",
  land: "∧",
  cr: "\\\\",
  wedge: "∧",
  frac: "frac",
  dfrac: "frac",
  tfrac: "frac",
  cfrac: "frac",
  sqrt: "sqrt",
  binom: "binom",
  dbinom: "binom",
  tbinom: "binom",
  infty: "∞",
  emptyset: "∅",
  varnothing: "∅",
  R: "ℝ",
  Reals: "ℝ",
};

/** Commands whose argument is text. */
export const textCommands = new Set("text mbox hbox textbf textit textrm textsf textnormal mathrm operatorname rm emph".split(" "));

/** Functions by their names, with and without backslash. */
export const functionWords: Readonly<Record<string, string>> = {
  sin: "sin",
  cos: "cos",
  tan: "tan",
  tg: "tan",
  cot: "cot",
  ctg: "cot",
  sec: "sec",
  csc: "csc",
  cosec: "csc",
  arcsin: "arcsin",
  arccos: "arccos",
  arctan: "arctan",
  arctg: "arctan",
  asin: "arcsin",
  acos: "arccos",
  atan: "arctan",
  sinh: "sinh",
  cosh: "cosh",
  tanh: "tanh",
  ln: "ln",
  log: "log",
  lg: "log",
  exp: "exp",
  cis: "cis",
  sqrt: "sqrt",
  cbrt: "cbrt",
  abs: "abs",
  floor: "floor",
  ceil: "ceil",
};

/** Constants and letters written as words. */
export const nameWords: Readonly<Record<string, string>> = { pi: "pi", infinity: "∞", infty: "∞", oo: "∞", inf: "∞" };

export const greekLetters = new Set(
  (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau upsilon phi varphi chi psi omega " +
    "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell"
  ).split(" "),
);

/** Characters of other alphabets and typography, as the ASCII or LaTeX that they mean. */
const plainCharacters: Readonly<Record<string, string>> = {
  "−": "-",
  "–": "-",
  "×": "\\times ",
  "·": "\\cdot ",
  "⋅": "\\cdot ",
  "∙": "\\cdot ",
  "÷": "\\div ",
  "√": "\\sqrt ",
  π: "\\pi ",
  "∞": "\\infty ",
  "≤": "\\le ",
  "⩽": "\\le ",
  "≥": "\\ge ",
  "⩾": "\\ge ",
  "≠": "\\ne ",
  "≈": "\\approx ",
  "∈": "\\in ",
  "∪": "\\cup ",
  "∩": "\\cap ",
  "∖": "\\setminus ",
  "±": "\\pm ",
  "∓": "\\mp ",
  "°": "\\degree ",
  º: "\\degree ",
  "∅": "\\emptyset ",
  ℝ: "\\R ",
  "⟨": "\\langle ",
  "⟩": "\\rangle ",
  "〈": "\\langle ",
  "〉": "\\rangle ",
  "⌊": "\\lfloor ",
  "⌋": "\\rfloor ",
  "⌈": "\\lceil ",
  "⌉": "\\rceil ",
  "∨": "\\lor ",
  "∧": "\\land ",
  θ: "\\theta ",
  α: "\\alpha ",
  β: "\\beta ",
  γ: "\\gamma ",
  λ: "\\lambda ",
  μ: "\\mu ",
  φ: "\\phi ",
  ω: "\\omega ",
  "∛": "\\sqrt[3]",
  "∜": "\\sqrt[4]",
  "½": "\\frac{1}{2}",
  "⅓": "\\frac{1}{3}",
  "⅔": "\\frac{2}{3}",
  "¼": "\\frac{1}{4}",
  "¾": "\\frac{3}{4}",
  "⅕": "\\frac{1}{5}",
  "⅖": "\\frac{2}{5}",
  "⅗": "\\frac{3}{5}",
  "⅘": "\\frac{4}{5}",
  "⅙": "\\frac{1}{6}",
  "⅚": "\\frac{5}{6}",
  "⅛": "\\frac{1}{8}",
  "⅜": "\\frac{3}{8}",
  "⅝": "\\frac{5}{8}",
  "⅞": "\\frac{7}{8}",
  "⁄": "/",
  "∕": "/",
  "∣": "|",
  "⋃": "\\cup ",
  "⋂": "\\cap ",
  "＞": ">",
  "＜": "<",
  "＋": "+",
  "－": "-",
  "‑": "-",
  δ: "\\delta ",
  ρ: "\\rho ",
  σ: "\\sigma ",
  τ: "\\tau ",
  "，": ",",
  "（": "(",
  "）": ")",
  "＝": "=",
  "％": "%",
  "\u00a0": "~",
  "\u2009": "\\,",
  "\u202f": "\\,",
  "\u200b": "",
  "\u2061": "",
  "\u2062": "",
};

const raisedDigits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const loweredDigits = "₀₁₂₃₄₅₆₇₈₉";
const raisedFraction = new RegExp(`([${raisedDigits}]+)[⁄∕/]([${loweredDigits}]+)`, "g");
const raised = new RegExp(`[${raisedDigits}⁺⁻]+`, "g");
const lowered = new RegExp(`[${loweredDigits}]+`, "g");
const special = new RegExp(`[${Object.keys(plainCharacters).join("")}]`, "g");

/** `text` with the characters above and raised and lowered digits written in ASCII: 10⁻⁴ is 10^{-4}, ⁷⁄₁₂ a fraction. */
export function inAscii(text: string): string {
  return text
    .replace(raisedFraction, (_, above: string, below: string) => `\\frac{${digitsOf(above)}}{${digitsOf(below)}}`)
    .replace(raised, (run) => `^{${digitsOf(run)}}`)
    .replace(lowered, (run) => `_{${digitsOf(run)}}`)
    .replace(special, (character) => plainCharacters[character]!);
}

function digitsOf(run: string): string {
  return [...run]
    .map((each) => ({ "⁺": "+", "⁻": "-" })[each] ?? Math.max(raisedDigits.indexOf(each), loweredDigits.indexOf(each)))
    .join("");
}
