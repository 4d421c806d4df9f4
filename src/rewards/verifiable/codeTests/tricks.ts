// Tricks that programs try on graders, recognised in a program's text so that evidence can name them. None of them decides a score: values
// and output do, and these rows could miss a trick or see one that is innocent. Adding one is adding a row.

import type { Language } from "../../../../sandbox/client.ts";

interface Trick {
  /** Goes on from "the program". */
  readonly what: string;
  readonly pattern: RegExp;
  /** Python, or JavaScript and TypeScript. */
  readonly family: "python" | "javascript";
}

const tricks: readonly Trick[] = [
  {
    family: "python",
    what: "ends the process early",
    pattern: /\bos\s*\.\s*_exit\b|\bsys\s*\.\s*exit\b|\b(?:exit|quit)\s*\(|\bSystemExit\b|\bos\s*\.\s*abort\b|\bos\s*\.\s*kill\b/,
  },
  {
    family: "python",
    what: "defines its own equality",
    pattern: /\b__(?:eq|ne|lt|le|gt|ge|cmp|hash|bool|instancecheck|subclasscheck)__\b/,
  },
  { family: "python", what: "registers exit handlers", pattern: /\batexit\b|\b__del__\b|\bweakref\s*\.\s*finalize\b/ },
  { family: "python", what: "patches builtins", pattern: /\bbuiltins\b|\b__builtins__\b|\b__import__\b/ },
  { family: "python", what: "patches the test framework", pattern: /\bunittest\b|\bpytest\b|\bdoctest\b|\bAssertionError\b|\b__debug__\b/ },
  {
    family: "python",
    what: "looks into its caller's frames",
    pattern: /\binspect\b|\b_getframe\b|\bf_(?:back|locals|globals|trace)\b|\btb_frame\b|\bcurrent_frames\b/,
  },
  {
    family: "python",
    what: "looks for objects of the grader",
    pattern: /\bgc\s*\.\s*get_|\bget_referrers\b|\b__subclasses__\b|\b__main__\b|\bsys\s*\.\s*modules\b/,
  },
  {
    family: "python",
    what: "traces or hooks the interpreter",
    pattern: /\bsettrace\b|\bsetprofile\b|\bexcepthook\b|\bmeta_path\b|\bpath_hooks\b|\baddaudithook\b|\bdisplayhook\b/,
  },
  {
    family: "python",
    what: "reads or writes files",
    pattern:
      /\bopen\s*\(|\bpathlib\b|\bshutil\b|\bos\s*\.\s*(?:open|remove|rename|replace|unlink|listdir|walk|scandir|symlink|link)\b|\bglob\b/,
  },
  { family: "python", what: "writes to descriptors", pattern: /\bos\s*\.\s*(?:write|dup2?|fdopen|pipe)\b|\bfileno\b/ },
  { family: "python", what: "replaces standard output", pattern: /\bsys\s*\.\s*(?:stdout|stderr|__stdout__)\s*=|\bredirect_stdout\b/ },
  {
    family: "python",
    what: "starts processes or threads",
    pattern: /\bsubprocess\b|\bos\s*\.\s*(?:fork|system|popen|exec\w*|spawn\w*|setsid)\b|\bmultiprocessing\b|\bthreading\b|\b_thread\b/,
  },
  { family: "python", what: "catches signals", pattern: /\bsignal\b/ },
  { family: "python", what: "reaches memory", pattern: /\bctypes\b|\/proc\/|\bmmap\b|\b_testcapi\b/ },
  { family: "python", what: "reaches for the network", pattern: /\bsocket\b|\burllib\b|\brequests\b|\bhttp\s*\.\s*client\b/ },
  {
    family: "python",
    what: "subclasses a builtin type",
    pattern: /\bclass\s+\w+\s*\(\s*(?:int|str|float|list|dict|tuple|set|frozenset|bool|bytes)\s*[,)]/,
  },
  { family: "python", what: "runs text as code", pattern: /\b(?:eval|exec|compile)\s*\(|\bimportlib\b|\bcodeop\b/ },
  {
    family: "python",
    what: "asks whether it is being tested",
    pattern: /\b(?:environ|getenv|argv|hostname)\b|\btests?\.py\b|\bharness\b|\brunner\b/,
  },
  { family: "python", what: "waits", pattern: /\bsleep\s*\(|\bwhile\s+(?:True|1)\s*:\s*(?:pass|continue)\b/ },
  { family: "javascript", what: "ends the process early", pattern: /\bprocess\s*\.\s*(?:exit|abort|kill|reallyExit|exitCode)\b/ },
  { family: "javascript", what: "registers exit handlers", pattern: /\bprocess\s*\.\s*(?:on|once|addListener|prependListener)\b/ },
  {
    family: "javascript",
    what: "patches equality",
    pattern: /\bObject\s*\.\s*is\b|\bvalueOf\b|\btoPrimitive\b|\btoString\b|\bisDeepStrictEqual\b/,
  },
  {
    family: "javascript",
    what: "patches the prototype chain",
    pattern: /\.\s*prototype\b|\b__proto__\b|\bsetPrototypeOf\b|\bgetPrototypeOf\b/,
  },
  { family: "javascript", what: "patches assertions", pattern: /\bassert\b|\bexpect\s*=|\bconsole\s*\.\s*assert\b/ },
  {
    family: "javascript",
    what: "redefines properties",
    pattern: /\bdefinePropert(?:y|ies)\b|\b__define[GS]etter__\b|\bnew\s+Proxy\b|\bReflect\b/,
  },
  {
    family: "javascript",
    what: "patches globals",
    pattern: /\bglobalThis\b|\bglobal\s*[.[]|\bJSON\s*\.\s*\w+\s*=|\bArray\s*\.\s*\w+\s*=(?!=)|\bconsole\s*\.\s*\w+\s*=(?!=)/,
  },
  {
    family: "javascript",
    what: "touches the harness",
    pattern: /\b__program\b|\bharness\b|\brequire\s*\.\s*(?:cache|main)\b|\bmodule\s*\.\s*parent\b|\b_load\b/,
  },
  { family: "javascript", what: "reads or writes files", pattern: /["'](?:node:)?fs(?:\/promises)?["']/ },
  { family: "javascript", what: "starts processes or threads", pattern: /["'](?:node:)?(?:child_process|worker_threads|cluster)["']/ },
  { family: "javascript", what: "reaches for the network", pattern: /["'](?:node:)?(?:net|http|https|dgram|dns|tls)["']|\bfetch\s*\(/ },
  {
    family: "javascript",
    what: "looks at its caller's stack",
    pattern: /\bprepareStackTrace\b|\bcaptureStackTrace\b|\.stack\b|\barguments\s*\.\s*callee\b/,
  },
  { family: "javascript", what: "runs text as code", pattern: /\beval\s*\(|\bnew\s+Function\b|\bFunction\s*\(|["'](?:node:)?vm["']/ },
  {
    family: "javascript",
    what: "reaches into the interpreter",
    pattern: /\bprocess\s*\.\s*(?:binding|_linkedBinding|dlopen|mainModule)\b|["'](?:node:)?(?:inspector|v8|module)["']/,
  },
];

/** Named at most this often in one piece of evidence. */
const maxNamed = 4;

/** "; the program patches builtins, reads or writes files", or nothing. */
export function tricksIn(program: string, language: Language): string {
  const family = language === "python" ? "python" : "javascript";
  const seen = tricks.filter((trick) => trick.family === family && trick.pattern.test(program)).map(({ what }) => what);
  return seen.length === 0 ? "" : `; the program ${seen.slice(0, maxNamed).join(", ")}${seen.length > maxNamed ? ", and more" : ""}`;
}
