// What runs beside a Python program in its jail: loads it, makes the calls it is told of, and sends back values with their types. It holds
// no expected value and no verdict, so that a program which takes it over gains only the choice of what it returns, which it had anyway.
// Lines in: Python tuples of literals, from this process or from trusted tests. Lines out: JSON, written by hand since importing json
// takes longer than most programs.

/** File names inside the jail. */
export const pythonProgramFile = "program.py";
export const pythonHarnessFile = "harness.py";

export const pythonHarness = `import _json, builtins, os, sys

# Descriptors of the conversation.
hear, tell = 3, 4
kept = []
quote = _json.encode_basestring_ascii
limit = [0]

def encode(value, depth=0):
    limit[0] -= 1
    if depth > 150 or limit[0] < 0:
        return '["o","a value beyond the caps",""]'
    kind = type(value)
    if value is None: return "null"
    if kind is bool: return "true" if value else "false"
    if isinstance(value, str): return quote(str.__str__(value))
    if isinstance(value, int): return '["i","%s"]' % hex(int.__int__(value))
    if isinstance(value, float): return '["f","%s"]' % float.__repr__(value)
    if isinstance(value, complex): return '["c","%r","%r"]' % (value.real, value.imag)
    if isinstance(value, (bytes, bytearray)): return '["b","%s"]' % bytes(value).hex()
    if isinstance(value, list): return '["l",[%s]]' % ",".join([encode(item, depth + 1) for item in list.__iter__(value)])
    if isinstance(value, tuple): return '["t",[%s]]' % ",".join([encode(item, depth + 1) for item in tuple.__iter__(value)])
    if isinstance(value, set): return '["s",[%s]]' % ",".join([encode(item, depth + 1) for item in set.__iter__(value)])
    if isinstance(value, frozenset): return '["s",[%s]]' % ",".join([encode(item, depth + 1) for item in frozenset.__iter__(value)])
    if isinstance(value, dict):
        return '["d",[%s]]' % ",".join(["[%s,%s]" % (encode(key, depth + 1), encode(item, depth + 1)) for key, item in dict.items(value)])
    return other(value, kind)

def other(value, kind):
    traits = " and ".join([name for name in ("__eq__", "__ne__", "__bool__", "__hash__") if name in kind.__dict__])
    if keeps:
        kept.append(value)
        return '["o",%s,%s,%d]' % (quote(kind.__name__), quote(traits), len(kept) - 1)
    return '["o",%s,%s]' % (quote(kind.__name__), quote(traits))

keeps = False

def say(line):
    data = line.encode() + b"\\n"
    while data:
        data = data[os.write(tell, data):]

def lines():
    rest = b""
    while True:
        part = os.read(hear, 1 << 16)
        if not part:
            os._exit(0)
        rest += part
        *whole, rest = rest.split(b"\\n")
        for line in whole:
            yield line.decode()

def raised(error):
    kind = type(error)
    try:
        said = str(error)[:500]
    except BaseException:
        said = ""
    bases = ",".join([quote(base.__name__) for base in kind.__mro__[:-1]])
    return '["raised",%s,%s,[%s]]' % (quote(kind.__name__), quote(said), bases)

def answer(line, scope, named):
    limit[0] = 200000
    verb, *rest = eval(line, named)
    if verb == "call":
        name, args, keywords, with_arguments = rest
        function = scope[name] if isinstance(name, str) else kept[name[0]]
        value = function(*args, **keywords)
        if with_arguments:
            return '["value",%s,%s]' % (encode(value), encode(list(args)))
        return '["value",%s]' % encode(value)
    if verb == "has":
        return '["value",%s]' % encode("module" if type(scope.get(rest[0])) is type(sys) else rest[0] in scope)
    if verb == "do":
        target, method, args = rest
        if method == "getattr": return '["value",%s]' % encode(getattr(kept[target], args[0]))
        if method == "setattr": return '["value",%s]' % encode(setattr(kept[target], *args))
        if method == "iter": return '["value",%s]' % encode([*kept[target]])
        if method == "str": return '["value",%s]' % encode(str(kept[target]))
        return '["value",%s]' % encode(getattr(kept[target], method)(*args))
    raise ValueError(verb)

def serve():
    global keeps
    module = type(sys)("program")
    module.__file__ = os.path.abspath("${pythonProgramFile}")
    module.__builtins__ = builtins
    sys.modules["program"] = module
    scope = module.__dict__
    named = {"R": lambda number: kept[number], "N": lambda name: scope[name], "inf": float("inf"), "nan": float("nan")}
    sys.argv = [module.__file__]
    try:
        with open("${pythonProgramFile}", "rb") as file:
            exec(compile(file.read(), module.__file__, "exec", dont_inherit=True), scope)
    except BaseException as error:
        say(raised(error))
    else:
        say('["loaded"]')
    for line in lines():
        if line == "keep":
            keeps = True
            continue
        try:
            said = answer(line, scope, named)
        except BaseException as error:
            said = raised(error)
        say(said)

serve()
`;
