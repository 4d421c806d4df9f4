# Waits inside the jail for one program, becomes it, and ends with it. Started before the program is known, so that starting Python is not
# part of the program's time. It holds nothing that the program must not see, and the channel is closed before the program starts, except
# for a program that was started for a conversation.
# Only built-in modules are imported: each other one would cost milliseconds and be found in sys.modules.
import builtins
import io
import os
import sys


def receive():
    channel = 3
    work = os.getcwd()

    def take(count):
        parts = []
        while count > 0:
            part = os.read(channel, min(count, 1 << 20))
            if not part:
                os._exit(125)  # the supervisor went away
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def number():
        return int.from_bytes(take(4), "big")

    def text():
        return take(number()).decode("utf-8", "surrogatepass")

    os.write(channel, b"R")
    entry = text()
    args = [text() for _ in range(number())]
    for _ in range(number()):
        path = os.path.join(work, text())
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(take(number()))
    stdin = take(number())
    if number() == 0:
        os.close(channel)
    if stdin:
        # A file on descriptor 0, so that /dev/stdin can be opened too.
        hidden = os.path.join(os.path.dirname(work), ".stdin")
        with open(hidden, "wb") as file:
            file.write(stdin)
        source = os.open(hidden, os.O_RDONLY)
        os.unlink(hidden)
        os.dup2(source, 0, inheritable=True)
        os.close(source)
    return os.path.join(work, entry), args


def prepare(path, args):
    import _sitebuiltins

    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)), encoding="utf-8", errors="surrogateescape")
    sys.stdin.mode = "r"
    version = "python%d.%d" % sys.version_info[:2]
    sys.path[:] = [os.path.dirname(path), *sys.path, "/usr/local/lib/%s/dist-packages" % version, "/usr/lib/python3/dist-packages"]
    sys.argv = [path, *args]
    main = type(sys)("__main__")
    main.__file__ = path
    main.__builtins__ = builtins
    sys.modules["__main__"] = main
    return main.__dict__


def become():
    path, args = receive()
    scope = prepare(path, args)
    with open(path, "rb") as file:
        source = file.read()
    try:
        exec(compile(source, path, "exec", dont_inherit=True), scope)
    except SystemExit:
        raise
    except BaseException as error:
        # As the interpreter would, without this file's own frames.
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        sys.exit(1)


become()
