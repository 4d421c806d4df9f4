// What runs Python tests that are more than calls with literals, in a jail of their own: there the expected values are, and there the
// program is not. Each name that the tests use and do not define stands for the program's, in the other jail; only values cross, and an
// object of the program's own class stays there, known here by a number. It equals nothing here, whatever its own `__eq__` says.

export const pythonTestsFile = "tests.py";
export const pythonRunnerFile = "runner.py";

export const pythonRunner = `import ast, builtins, json, os, sys

# Descriptors of the conversation.
hear, tell = 3, 4
rest = b""

def ask(line):
    global rest
    data = line.encode() + b"\\n"
    while data:
        data = data[os.write(tell, data):]
    while b"\\n" not in rest:
        part = os.read(hear, 1 << 16)
        if not part:
            os._exit(0)
        rest += part
    line, rest = rest.split(b"\\n", 1)
    kind, *parts = json.loads(line)
    if kind == "raised":
        raise error_of(*parts)
    return parts

def error_of(name, said, bases):
    for base in [name, *bases]:
        known = getattr(builtins, base, None)
        if isinstance(known, type) and issubclass(known, Exception) and known not in (AssertionError, StopIteration, StopAsyncIteration):
            break
    else:
        known = RuntimeError
    try:
        return type(name, (known,), {})(said)
    except Exception:
        return RuntimeError(said)

def decode(tagged):
    if not isinstance(tagged, list): return tagged
    tag, *parts = tagged
    if tag == "i": return int(parts[0], 16)
    if tag == "f": return float(parts[0])
    if tag == "c": return complex(float(parts[0]), float(parts[1]))
    if tag == "b": return bytes.fromhex(parts[0])
    if tag == "l": return [decode(item) for item in parts[0]]
    if tag == "t": return tuple(decode(item) for item in parts[0])
    if tag == "s": return set(decode(item) for item in parts[0])
    if tag == "d": return {decode(key): decode(item) for key, item in parts[0]}
    if tag == "o" and len(parts) == 3: return Remote(parts[2], parts[0])
    return Remote(-1, parts[0] if parts else "?")

def literal(value):
    if isinstance(value, Remote): return "R(%d)" % value._number
    if isinstance(value, type) and getattr(builtins, value.__name__, None) is value: return value.__name__
    if isinstance(value, (Proxy, type(lambda: 0))) or callable(value): raise TypeError("only values can be given to the program, got " + type(value).__name__)
    kind = type(value)
    if kind is list: return "[" + ",".join([literal(item) for item in value]) + "]"
    if kind is tuple: return "(" + "".join([literal(item) + "," for item in value]) + ")"
    if kind is set: return "set([" + ",".join([literal(item) for item in value]) + "])"
    if kind is frozenset: return "frozenset([" + ",".join([literal(item) for item in value]) + "])"
    if kind is dict: return "{" + ",".join([literal(key) + ":" + literal(item) for key, item in value.items()]) + "}"
    if kind in (int, float, complex, str, bytes, bool, type(None)): return repr(value)
    raise TypeError("only values can be given to the program, got " + kind.__name__)

def call(name, args, keywords):
    parts = ask(repr_tuple("call", name, args, keywords))
    for mine, theirs in zip(args, decode(parts[1])):
        put_back(mine, theirs)
    return decode(parts[0])

def repr_tuple(verb, name, args, keywords):
    pairs = "{" + ",".join(["%r:%s" % (key, literal(item)) for key, item in keywords.items()]) + "}"
    return "(%r,%s,%s,%s,True)" % (verb, name, literal(tuple(args)), pairs)

# What the program did to its arguments is done to the tests' own.
def put_back(mine, theirs):
    if type(mine) is list and type(theirs) is list: mine[:] = theirs
    elif type(mine) is dict and type(theirs) is dict:
        mine.clear()
        mine.update(theirs)
    elif type(mine) is set and type(theirs) is set:
        mine.clear()
        mine.update(theirs)

class Proxy:
    def __init__(self, name): self._name = name
    def __call__(self, *args, **keywords): return call(repr(self._name), args, keywords)

class Remote:
    def __init__(self, number, kind):
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_kind", kind)
    def _do(self, method, *args): return decode(ask("('do',%d,%r,%s)" % (self._number, method, literal(tuple(args))))[0])
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        return self._do("getattr", name)
    def __setattr__(self, name, value): self._do("setattr", name, value)
    def __call__(self, *args, **keywords): return call("(%d,)" % self._number, args, keywords)
    def __iter__(self): return iter(self._do("iter"))
    def __len__(self): return self._do("__len__")
    def __getitem__(self, key): return self._do("__getitem__", key)
    def __eq__(self, other): return self is other
    def __hash__(self): return self._number
    def __bool__(self): raise TypeError("the program returned an object of its own type " + self._kind + ", which is neither true nor false here")

passed = 0
failures = []

def record(ok, line):
    global passed
    if ok: passed += 1
    else: failures.append(line)

# Every assertion counts, also after one that failed; one that cannot be evaluated has failed.
class Recording(ast.NodeTransformer):
    def visit_Assert(self, node):
        source = ast.unparse(node)[:300]
        test = ast.Lambda(ast.arguments([], [], None, [], [], None, []), node.test)
        new = ast.Expr(ast.Call(ast.Name("__check", ast.Load()), [test, ast.Constant(source)], []))
        return ast.copy_location(new, node)

def check(test, source):
    try:
        ok = bool(test())
    except Exception as error:
        record(False, source + "  # " + type(error).__name__ + ": " + str(error)[:200])
        return
    record(ok, source)

def used_names(tree):
    assigned, used = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name): (used if isinstance(node.ctx, ast.Load) else assigned).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)): assigned.add(node.name)
        elif isinstance(node, ast.arg): assigned.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)): assigned.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
    return used - assigned

def main():
    with open("${pythonTestsFile}") as file:
        text = file.read()
    entry = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        tree = ast.parse(text)
        if not any(isinstance(node, ast.Assert) for node in ast.walk(tree)): raise ValueError("they assert nothing")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        os.write(tell, (json.dumps(["broken", type(error).__name__ + ": " + str(error)[:300]]) + "\\n").encode())
        return
    scope = {"__name__": "tests", "__check": check}
    for name in used_names(tree) | ({entry} if entry else set()):
        has = decode(ask("('has',%r)" % name)[0])
        # Tests may rely on what the program imports; they get the library's own.
        if has == "module" and name in sys.stdlib_module_names: scope[name] = __import__(name)
        elif has: scope[name] = Proxy(name)
    tree = ast.fix_missing_locations(Recording().visit(tree))
    broke = ""
    try:
        exec(compile(tree, "tests", "exec"), scope)
        if entry and callable(scope.get("check")) and not any(isinstance(n, ast.Expr) and isinstance(n.value, ast.Call) and getattr(n.value.func, "id", "") == "check" for n in tree.body):
            scope["check"](scope.get(entry, Proxy(entry)))
    except BaseException as error:
        broke = type(error).__name__ + ": " + str(error)[:300]
    os.write(tell, (json.dumps(["result", passed, failures[:20], len(failures), broke]) + "\\n").encode())

main()
`;
