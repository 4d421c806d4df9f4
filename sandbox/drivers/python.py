# Waits inside the jail for one program, becomes it, and ends with it. Started before the program is known, so that starting Python is not
# part of the program's time. It holds nothing that the program must not see, and the channel is closed before the program starts, except
# for a program that was started for a conversation.
# Only modules that are part of the executable are imported: even os would cost a program that does not use it a millisecond.
import builtins
import io
import posix
import sys


def receive():
    channel = 3  # to read; 4 is to write
    work = posix.getcwd()

    def take(count):
        parts = []
        while count > 0:
            part = posix.read(channel, min(count, 1 << 20))
            if not part:
                posix._exit(125)  # the supervisor went away
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def number():
        return int.from_bytes(take(4), "big")

    def text():
        return take(number()).decode("utf-8", "surrogatepass")

    posix.write(4, b"R")
    entry = text()
    args = [text() for _ in range(number())]
    for _ in range(number()):
        name = text()
        path = work + "/" + name
        make_folders(work, name)
        with open(path, "wb") as file:
            file.write(take(number()))
    stdin = take(number())
    if number() == 0:
        posix.close(channel)
        posix.close(4)
    if stdin:
        # A file on descriptor 0, so that /dev/stdin can be opened too.
        hidden = work + "/../.stdin"
        with open(hidden, "wb") as file:
            file.write(stdin)
        source = posix.open(hidden, posix.O_RDONLY)
        posix.unlink(hidden)
        posix.dup2(source, 0, inheritable=True)
        posix.close(source)
    return work + "/" + entry, args


def make_folders(work, name):
    *folders, _ = name.split("/")
    for depth in range(len(folders)):
        try:
            posix.mkdir("/".join([work, *folders[: depth + 1]]))
        except FileExistsError:
            pass


def prepare(path, args):
    import _sitebuiltins

    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)), encoding="utf-8", errors="surrogateescape")
    sys.stdin.mode = "r"
    version = "python%d.%d" % sys.version_info[:2]
    sys.path[:] = [path.rpartition("/")[0], *sys.path, "/usr/local/lib/%s/dist-packages" % version, "/usr/lib/python3/dist-packages"]
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
