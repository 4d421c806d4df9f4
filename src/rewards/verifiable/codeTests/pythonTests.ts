// What runs Python tests that are more than calls with literals, in a jail of their own: there the expected values are, and there the
// program is not. Each name that the tests use and nobody else defines stands for the program's, in the other jail; only values cross, and
// an object of the program's own class stays there, known here by a number. It equals nothing here, whatever its own `__eq__` says. Tests are
// assertions at the top, in a check(candidate), in functions named test_*, or in classes of unittest.

export const pythonTestsFile = "tests.py";
export const pythonRunnerFile = "runner.py";

export const pythonRunner = `import ast, builtins, json, os, sys

# Descriptors of the conversation.
hear, tell = 3, 4
rest = b""
num_calls = 0

# Tests that hand over what only their own jail has cannot be used; no error of a program, which tests may catch.
class Unusable(BaseException): pass
unusable = ""

def refuse(kind):
    global unusable
    unusable = "only values can be given to the program, got " + kind.__name__
    raise Unusable

def tell_all(line):
    data = line.encode() + b"\\n"
    while data:
        data = data[os.write(tell, data):]

def ask(line):
    global rest
    tell_all(line)
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
    if isinstance(value, Proxy): return "N(%r)" % value._name
    kind = type(value)
    if kind in (type, type(len)) and getattr(builtins, value.__name__, None) is value: return value.__name__
    if kind is list: return "[" + ",".join([literal(item) for item in value]) + "]"
    if kind is tuple: return "(" + "".join([literal(item) + "," for item in value]) + ")"
    if kind is set: return "set([" + ",".join([literal(item) for item in value]) + "])"
    if kind is frozenset: return "frozenset([" + ",".join([literal(item) for item in value]) + "])"
    if kind is dict: return "{" + ",".join([literal(key) + ":" + literal(item) for key, item in value.items()]) + "}"
    if kind in (int, float, complex, str, bytes, bool, type(None)): return repr(value)
    refuse(kind)

def call(name, args, keywords):
    global num_calls
    num_calls += 1
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

# Every assertion counts, also after one that failed; one that cannot be evaluated has failed. Tests cannot write these names.
class Recording(ast.NodeTransformer):
    awaited = False

    def visit_Assert(self, node):
        source = ast.Constant(ast.unparse(node)[:300])
        say = lambda name, *args: ast.Expr(ast.Call(ast.Name(name, ast.Load()), [*args, source], []))
        checked = [say("<check>", node.test)]
        if self.awaited: return [ast.copy_location(line, node) for line in checked]
        broken = ast.ExceptHandler(ast.Name("<Exception>", ast.Load()), None, [say("<raised>")])
        return ast.copy_location(ast.Try(checked, [broken], [], []), node)

    # An error that the tests wait for is theirs to catch.
    def visit_Try(self, node):
        before = self.awaited
        types = [kind for handler in node.handlers for kind in (handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type])]
        broad = ("Exception", "BaseException", "AssertionError")
        self.awaited = before or bool(types) and all(isinstance(kind, ast.Name) and kind.id not in broad for kind in types)
        node.body = self.all(node.body)
        self.awaited = before
        for part in ("handlers", "orelse", "finalbody"): setattr(node, part, self.all(getattr(node, part)))
        return node

    def all(self, lines):
        visited = [self.visit(line) for line in lines]
        return [one for found in visited for one in (found if isinstance(found, list) else [found])]

def check(value, source):
    record(bool(value), source)

def raised(source):
    error = sys.exc_info()[1]
    record(False, source + "  # " + shown(error))

def shown(error):
    return type(error).__name__ + ": " + str(error)[:300]

def run_alone(name, test):
    try:
        test()
    except Exception as error:
        record(False, name + "  # " + shown(error))

# What the text defines and leaves to a test runner.
def run_defined(tree, scope, entry):
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    if entry and callable(scope.get("check")) and "check" not in called: scope["check"](scope.get(entry, Proxy(entry)))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test") and node.name not in called and not node.args.args:
            run_alone(node.name, scope[node.name])
        if isinstance(node, ast.ClassDef) and "unittest" in sys.modules: run_cases(scope[node.name])

def run_cases(kind):
    global passed
    import unittest
    if not (isinstance(kind, type) and issubclass(kind, unittest.TestCase)): return
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(kind).run(result)
    broken = result.failures + result.errors
    passed += max(0, result.testsRun - len(broken) - len(result.skipped))
    for case, trace in broken: failures.append(str(case) + "  # " + trace.strip().split("\\n")[-1][:300])

def asserts_something(tree):
    return any(isinstance(node, ast.Assert) or isinstance(node, ast.Attribute) and node.attr.startswith("assert") for node in ast.walk(tree))

# A builtin is the tests' own, or a program could put its own in the place of what compares. Where they are about nothing else, they are
# about a function of that name.
def asked_names(tree, entry):
    used = used_names(tree)
    own = {name for name in used if not hasattr(builtins, name)}
    return (own or used) | ({entry} if entry else set())

def used_names(tree):
    assigned, used = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name): (used if isinstance(node.ctx, ast.Load) else assigned).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)): assigned.add(node.name)
        elif isinstance(node, ast.arg): assigned.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)): assigned.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
    return used - assigned

def main():
    with open("${pythonTestsFile}") as file:
        text = file.read()
    entry = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        tree = ast.parse(text)
        if not asserts_something(tree): raise ValueError("they assert nothing")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return broken(shown(error))
    scope = {"__name__": "tests", "<check>": check, "<raised>": raised, "<Exception>": Exception}
    for name in asked_names(tree, entry):
        has = decode(ask("('has',%r)" % name)[0])
        # Tests may rely on what the program imports; they get the library's own.
        if has == "module" and name in sys.stdlib_module_names: scope[name] = __import__(name)
        elif has: scope[name] = Proxy(name)
    tree = ast.fix_missing_locations(Recording().visit(tree))
    broke = ""
    if "unittest" in text:
        import unittest
        unittest.main = lambda *args, **keywords: None  # their classes are found below
    try:
        exec(compile(tree, "tests", "exec"), scope)
        run_defined(tree, scope, entry)
    except BaseException as error:
        if type(error) is ModuleNotFoundError: return broken(shown(error))
        broke = shown(error)
    if unusable: return broken(unusable)
    if not broke and passed == 0 and not failures:
        if num_calls == 0: return broken("they assert nothing")
        failures.append("no assertion was reached")
    tell_all(json.dumps(["result", passed, failures[:20], len(failures), broke]))

def broken(why):
    tell_all(json.dumps(["broken", why]))

main()
`;
