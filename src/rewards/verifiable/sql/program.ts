// The Python program that runs a query inside the jail, on databases in memory. It says a line of JSON when it has filled them, and one
// for what the query gives on each. A query can read and do nothing else; what it costs is counted in steps of SQLite's virtual machine,
// which are the same on every machine, before the limits on time and memory are met. It runs in a process of its own beside the
// databases', so that its time is told apart from theirs.

/** Reads `task.json` in its folder. */
export const queryProgram = String.raw`import json
import os
import signal
import sqlite3
import sys

with open("task.json", encoding="utf-8") as file:
    task = json.load(file)
caps = task["caps"]
# Actions and functions by https://www.sqlite.org/c3ref/c_alter_table.html; reading FTS5 and table-valued functions needs the others.
READ, SELECT, PRAGMA, UPDATE, FUNCTION, RECURSIVE = 20, 21, 19, 23, 31, 33
READING_PRAGMAS = {"data_version", "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"}
# They would answer differently each time, or reach out of the database.
REFUSED_FUNCTIONS = {"random", "randomblob", "load_extension", "fts3_tokenizer"}


class Beyond(Exception):
    pass


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def frozen_clock(connection):
    # Functions of time as they are, but "now" is always the same moment.
    now = task["now"]
    plain = sqlite3.connect(":memory:")
    current = {"current_timestamp": "datetime", "current_date": "date", "current_time": "time"}
    for name, function in current.items():
        value = plain.execute("SELECT %s(?)" % function, (now,)).fetchone()[0]
        connection.create_function(name, 0, lambda value=value: value, deterministic=True)

    def replace(name, format):
        def call(*given):
            words = [value.lower() if isinstance(value, str) else value for value in given]
            own = list(given)
            if len(own) == format or (len(own) > format and words[format] in ("subsec", "subsecond")):
                own.insert(format, now)
            for i in range(format, len(own)):
                if isinstance(own[i], str) and own[i].lower() == "now":
                    own[i] = now
            return plain.execute("SELECT %s(%s)" % (name, ",".join("?" * len(own))), own).fetchone()[0]

        connection.create_function(name, -1, call, deterministic=True)

    for name, format in (("date", 0), ("time", 0), ("datetime", 0), ("julianday", 0), ("unixepoch", 0), ("timediff", 0), ("strftime", 1)):
        try:
            plain.execute("SELECT %s(%s)" % (name, "'%Y','now'" if format else "'now','now'" if name == "timediff" else "'now'"))
        except sqlite3.OperationalError:
            continue  # this SQLite does not have it
        replace(name, format)


class Database:
    def __init__(self):
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.refused = None
        self.loading = True
        self.steps = 0
        connection = self.connection
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        frozen_clock(connection)
        connection.set_authorizer(self.authorize)
        connection.set_progress_handler(self.count, 1000)

    def fill(self, rows):
        connection = self.connection
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.executescript(task["schema"])
        if not connection.in_transaction:
            connection.execute("BEGIN")
        for table, entries in rows.items():
            for entry in entries:
                insert(connection, table, entry)
        connection.execute("COMMIT")
        connection.execute("PRAGMA query_only = ON")
        if hasattr(connection, "setlimit"):  # Python 3.11; before it, the jail's limits stand alone
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, caps["valueBytes"])
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self.loading = False

    def authorize(self, action, first, second, database, source):
        if action == FUNCTION and (second or "").lower() in REFUSED_FUNCTIONS:
            self.refused = "it may not call %s" % second
            return sqlite3.SQLITE_DENY
        if self.loading or action in (READ, SELECT, FUNCTION, RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == PRAGMA and (first or "").lower() in READING_PRAGMAS:
            return sqlite3.SQLITE_OK
        if action == UPDATE and first == "sqlite_master":
            return sqlite3.SQLITE_OK  # how SQLite declares a table-valued function; it refuses a query's own
        self.refused = "it may only read"
        return sqlite3.SQLITE_DENY

    def count(self):
        self.steps += 1000
        return self.steps > caps["fillSteps" if self.loading else "steps"]

    def answer(self, query):
        self.refused = None
        self.steps = 0
        try:
            return self.rows(query)
        except Beyond as error:
            return failed("it goes beyond the cap of %s" % error)
        except MemoryError:
            return failed("it goes beyond the cap of %d bytes of memory" % caps["heapBytes"])
        except Exception as error:
            if self.steps > caps["steps"]:
                return failed("it goes beyond the cap of %d steps" % caps["steps"])
            return failed(self.refused or str(error))

    def rows(self, query):
        cursor = self.connection.execute(query)
        names = [column[0] for column in cursor.description or ()]
        if len(names) > caps["columns"]:
            raise Beyond("%d columns" % caps["columns"])
        lines = []
        size = 0
        for row in cursor:
            if len(lines) == caps["rows"]:
                raise Beyond("%d rows" % caps["rows"])
            line = json.dumps([tagged(value) for value in row], separators=(",", ":"))
            size += len(line)
            if size > caps["resultBytes"]:
                raise Beyond("%d bytes of rows" % caps["resultBytes"])
            lines.append(line)
        return '{"kind":"rows","names":%s,"rows":[%s]}' % (json.dumps(names), ",".join(lines))


def insert(connection, table, entry):
    name = '"%s"' % table.replace('"', '""')
    if isinstance(entry, dict):
        columns = ",".join('"%s"' % column.replace('"', '""') for column in entry)
        values = [stored(value) for value in entry.values()]
        into = "INSERT INTO %s (%s) VALUES (%s)" % (name, columns, ",".join("?" * len(values)))
        connection.execute(into if entry else "INSERT INTO %s DEFAULT VALUES" % name, values)
    else:
        connection.execute("INSERT INTO %s VALUES (%s)" % (name, ",".join("?" * len(entry))), [stored(value) for value in entry])


def stored(value):
    # JSON has one kind of number: a whole one beyond 64 bits is a real, as in a query's text.
    return float(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


def tagged(value):
    if value is None:
        return None
    kind = type(value)
    if kind is bytes and len(value) <= caps["cellBytes"]:
        return "b" + value.hex()
    if kind is str and len(value) <= caps["cellBytes"]:
        return "t" + value
    if kind is int:
        return "i%d" % value
    if kind is float:
        return "r%r" % value
    raise Beyond("%d bytes in a cell" % caps["cellBytes"])


def failed(why):
    return json.dumps({"kind": "failed", "why": why[:1000]})


def answer_alone(database):
    # The first process of a jail cannot be ended by its own timer, another can, whatever it is busy with.
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_PROF, caps["cpuMs"] / 1000)
        say(database.answer(task["query"]))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status == 0:
        return
    if not os.WIFSIGNALED(status):
        say(failed("it ended its process with exit code %d" % os.WEXITSTATUS(status)))
    elif os.WTERMSIG(status) == signal.SIGPROF:
        say(failed("it goes beyond the cap of %d ms of processor time" % caps["cpuMs"]))
    else:
        say(failed("it ended SQLite by %s" % signal.Signals(os.WTERMSIG(status)).name))


databases = [Database() for _ in task["databases"]]
try:
    for database, rows in zip(databases, task["databases"]):
        database.fill(rows)
    sqlite3.connect(":memory:").execute("PRAGMA hard_heap_limit = %d" % caps["heapBytes"])  # of the process
except (Exception, MemoryError) as error:
    beyond = any(database.steps > caps["fillSteps"] for database in databases)
    why = "it goes beyond the cap of %d steps" % caps["fillSteps"] if beyond else str(error)
    say(json.dumps({"kind": "unusable", "why": why[:1000]}))
    sys.exit()
say('{"kind":"filled"}')
for database in databases:
    answer_alone(database)
`;
