# SPDX-License-Identifier: MIT
"""gdb commands for the tasks of a bide program, live or as a core file.

    bide tasks [-a]     the tasks of every loop; -a: ended ones, too
    bide bt [-full] [TASK...]
                        backtraces of tasks, of all if none is named. A TASK
                        is a number, a name or an address

gdb loads this file by itself with an installed libbide.so; for a program that
is linked statically, `source` it. libbide must have been compiled with -g.

The layout of slots is src/task/stack.c's, that of saved registers the
assembly's of src/arch/. A task that does not run is unwound by telling gdb
that the innermost frame was called by it: nothing is written to the process,
so core files work as well.
"""
import gdb
import gdb.unwinder

STACK_MIN = 16 << 10  # of class 0; each class is twice as large
COLOURS = 8           # gaps at the upper ends of slots
COLOUR_STEP = 192
CACHE_LINE = 64

STATES = ['free', 'not started', 'ready', 'in', 'ended']
FREE, NEW, READY, PARKED, DONE = range(5)
FLAG_NAMED = 4
FLAG_OURS = 8


# ── Reading the program ────────────────────────────────────────────────────

def number(value):
    return int(value.cast(gdb.lookup_type('unsigned long')))


def loops():
    """Every loop of the process."""
    try:
        loop = gdb.parse_and_eval('bide__loops')
    except gdb.error:
        raise gdb.GdbError('the program has no libbide, or one without '
                           'debugging information: compile it with '
                           '-g, or install libbide0-dbgsym')
    while loop:
        yield loop.dereference()
        loop = loop['next_loop']


class Task:
    """What one slot holds."""

    def __init__(self, pointer):
        self.pointer = pointer
        self.struct = pointer.dereference()
        self.state = int(self.struct['state'])
        self.flags = int(self.struct['flags'])
        self.id = int(self.struct['id'])

    def name(self):
        if not self.flags & FLAG_NAMED:
            return f'Task-{self.id}'
        return self.struct['name'].string(errors='replace')

    def function(self):
        address = number(self.struct['fn'])
        block = gdb.block_for_pc(address)
        if block and block.function:
            return block.function.print_name
        return f'0x{address:x}'

    def running(self):
        return self.struct['loop'].dereference()['current'] == self.pointer

    def doing(self):
        if self.running():
            return 'running'
        wait = self.struct['wait']
        if self.state == PARKED and wait:
            return f'in {wait["name"].string()}()'
        return STATES[self.state]

    def matches(self, word):
        if word == self.name():
            return True
        if word.isdecimal():
            return int(word) == self.id
        return word.startswith('0x') and int(word, 16) == int(self.pointer)


def slots(loop):
    """The address of the struct in each slot that was ever used."""
    task_type = gdb.lookup_type('struct bide_task')
    room = (task_type.sizeof + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE
    classes = loop['stacks']['classes']
    first, last = classes.type.range()
    for number_of_class in range(first, last + 1):
        size = STACK_MIN << number_of_class
        chunk = classes[number_of_class]['chunks']
        while chunk:
            end = int(chunk['base']) + size
            for slot in range(int(chunk['carved'])):
                place = end - slot % COLOURS * COLOUR_STEP - room
                yield gdb.Value(place).cast(task_type.pointer())
                end += size
            chunk = chunk['next']


def tasks(loop, everything=False):
    missing = 0
    for pointer in slots(loop):
        try:
            task = Task(pointer)
        except gdb.MemoryError:
            missing += 1
            continue
        if task.state == FREE:
            continue
        hidden = task.state == DONE or task.flags & FLAG_OURS
        if everything or not hidden:
            yield task
    if missing:
        # gdb's own generate-core-file stops at the first guard page.
        print(f'the memory of {missing} slots is not there; take core files '
              'from the kernel')


# ── Unwinding ──────────────────────────────────────────────────────────────

class X86:
    """What bide__switch of x86_64.S saves, upwards from the pointer."""
    STACK, COUNTER = 'rsp', 'rip'
    SAVED = ['r15', 'r14', 'r13', 'r12', 'rbx', 'rbp', 'rip']
    SIZE = 56


class Arm:
    """The same of aarch64.S; x30 is where the context goes on."""
    STACK, COUNTER = 'sp', 'pc'
    SAVED = [f'x{i}' for i in range(19, 31)]
    SIZE = 160


def machine():
    name = gdb.selected_frame().architecture().name()
    if 'x86-64' in name:
        return X86
    if 'aarch64' in name:
        return Arm
    raise gdb.GdbError(f'tasks cannot be unwound on {name}')


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class Crossing(gdb.unwinder.Unwinder):
    """Says that a task called the innermost frame, while it is active."""

    def __init__(self):
        super().__init__('bide task')
        self.registers = None

    def begin(self, task):
        self.machine = machine()
        frame = gdb.newest_frame()
        self.here = [number(frame.read_register(register)) for register in
                     (self.machine.STACK, self.machine.COUNTER)]
        sp = number(task.struct['sp'])
        word = gdb.lookup_type('unsigned long')
        saved = gdb.Value(sp).cast(word.pointer())
        self.registers = {register: int(saved[i]) for i, register in
                          enumerate(self.machine.SAVED)}
        self.registers[self.machine.STACK] = sp + self.machine.SIZE
        self.registers.setdefault(self.machine.COUNTER,
                                  self.registers.get('x30'))
        self.sp = sp
        gdb.invalidate_cached_frames()

    def end(self):
        self.registers = None
        gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if self.registers is None:
            return None
        there = [number(pending.read_register(register)) for register in
                 (self.machine.STACK, self.machine.COUNTER)]
        if there != self.here:
            return None
        # Below the task's frames, or gdb would take the stack for corrupt.
        info = pending.create_unwind_info(FrameId(
            gdb.Value(self.sp - 16), gdb.Value(self.here[1])))
        for register, value in self.registers.items():
            kind = pending.read_register(register).type
            info.add_saved_register(register, gdb.Value(value).cast(kind))
        return info

    def first_frame(self):
        frame = gdb.newest_frame()
        while frame and frame.pc() != self.registers[self.machine.COUNTER]:
            frame = frame.older()
        return frame


crossing = Crossing()
gdb.unwinder.register_unwinder(None, crossing, replace=True)


def print_frames(frame, full):
    """As `backtrace` does, numbered from 0."""
    count = 0
    while frame and frame.is_valid() and frame.name() != 'task_main':
        frame.select()
        line = gdb.execute('frame', to_string=True).split('\n')[0]
        print(f'#{count:<3}{line.lstrip("#0123456789").strip()}')
        if full:
            local = gdb.execute('info locals', to_string=True)
            for line in local.splitlines():
                print(f'        {line}')
        frame = frame.older()
        count += 1


def print_stack(task, full):
    print(f'{task.name()} ({task.function()}), {task.doing()}')
    if task.running():
        print('its frames are those of the thread that runs it; see bt')
    elif task.state in (READY, PARKED):
        selected = gdb.selected_frame()
        level = selected.level() if hasattr(selected, 'level') else 0
        crossing.begin(task)
        try:
            print_frames(crossing.first_frame(), full)
        finally:
            crossing.end()
            gdb.execute(f'frame level {level}', to_string=True)
    print()


# ── Commands ───────────────────────────────────────────────────────────────

class Bide(gdb.Command):
    """Tasks of a bide program; see `help bide tasks` and `help bide bt`."""

    def __init__(self):
        super().__init__('bide', gdb.COMMAND_STACK, prefix=True)


class Tasks(gdb.Command):
    """List the tasks of every loop: bide tasks [-a].

With -a also those that have ended and whose handles were not released, and
the library's own."""

    def __init__(self):
        super().__init__('bide tasks', gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if words not in ([], ['-a']):
            raise gdb.GdbError('usage: bide tasks [-a]')
        count = 0
        for loop in loops():
            count += 1
            print(f'loop {loop.address}: {int(loop["live"])} tasks')
            rows = [(str(task.id), task.name(), task.function(),
                     task.doing()) for task in tasks(loop, bool(words))]
            widths = [max((len(row[i]) for row in rows), default=0)
                      for i in range(3)]
            for row in rows:
                print(f'  {row[0]:>{widths[0]}}  {row[1]:{widths[1]}}  '
                      f'{row[2]:{widths[2]}}  {row[3]}')
        if count == 0:
            print('there is no loop')


class Backtrace(gdb.Command):
    """Print the frames of tasks: bide bt [-full] [TASK...].

A TASK is a number or a name as `bide tasks` shows them, or an address.
Without one, all tasks. -full prints local variables as well."""

    def __init__(self):
        super().__init__('bide bt', gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        full = words[:1] == ['-full']
        words = words[1:] if full else words
        found = [task for loop in loops()
                 for task in tasks(loop, bool(words))
                 if not words or any(map(task.matches, words))]
        missing = [word for word in words
                   if not any(task.matches(word) for task in found)]
        if missing:
            raise gdb.GdbError(f'no task is called {missing[0]}; see '
                               'bide tasks -a')
        for task in found:
            print_stack(task, full)


Bide()
Tasks()
Backtrace()
