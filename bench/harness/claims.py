# SPDX-License-Identifier: MIT
"""The claims: who takes part, what is measured, and within which bounds.

A claim has cases (one number of connections, say). In each case the same
contenders run in turn, round after round, and print the claim's metrics.
"""
import dataclasses

# How to start bide on either backend.
ON_URING = {'BIDE_BACKEND': 'uring'}
ON_EPOLL = {'BIDE_BACKEND': 'epoll'}


@dataclasses.dataclass
class Contender:
    name: str
    program: str            # a name that build.Programs knows
    args: tuple = ()
    env: dict = dataclasses.field(default_factory=dict)
    load: tuple = ()        # in place of the case's
    pair: bool = False      # client and server, for two processors


@dataclasses.dataclass
class Bound:
    """The subject's median may not exceed the limit; with a peer, the median
    of its ratios to the peer, round by round. below: nor may it reach it."""
    subject: str
    limit: float
    peer: str = ''
    below: bool = False
    case: str = ''          # the title of the only case that it holds for


@dataclasses.dataclass
class Metric:
    key: str                # as the programs print it
    title: str
    bounds: tuple = ()


@dataclasses.dataclass
class Case:
    title: str
    contenders: tuple
    load: tuple = ()        # for servers: see measure.run_server()
    bounded: bool = True
    memory: int = 0         # bytes that a run needs, see use_memory()


@dataclasses.dataclass
class Claim:
    number: int
    title: str
    metrics: tuple
    cases: tuple


def count(quick, full):
    """Quick runs do a tenth of the work."""
    return str(full // 10 if quick else full)


def switching(quick):
    return Claim(
        1, 'two tasks that yield to each other through the scheduler',
        (Metric('ns', 'ns a switch',
                (Bound('bide', 2.5, peer='bare switch'),)),),
        (Case('', (
            Contender('bide', 'bide:yield', (count(quick, 20000000),)),
            Contender('bare switch', 'c:bare_switch',
                      (count(quick, 50000000),)),
            Contender('Go', 'go:sched', ('yield', count(quick, 5000000))),
            Contender('asyncio', 'asyncio:py_sched',
                      ('yield', count(quick, 300000))),
            Contender('uvloop', 'uvloop:py_sched',
                      ('yield', count(quick, 300000))))),))


def spawning(quick):
    return Claim(
        2, 'create a task and await it, 1,000 at a time',
        (Metric('ns', 'ns a task', (Bound('bide', 30, below=True),)),
         Metric('allocations', 'allocations once warm', (Bound('bide', 0),))),
        (Case('', (
            Contender('bide', 'bide:spawn', (count(quick, 5000000),)),
            Contender('Go', 'go:sched', ('spawn', count(quick, 2000000))),
            Contender('asyncio', 'asyncio:py_sched',
                      ('spawn', count(quick, 100000))),
            Contender('uvloop', 'uvloop:py_sched',
                      ('spawn', count(quick, 100000))))),))


def queues(quick):
    return Claim(
        3, 'ping-pong between two tasks through two queues of one item',
        (Metric('ns', 'ns an item', (Bound('bide', 35, below=True),)),),
        (Case('', (
            Contender('bide', 'bide:queue', (count(quick, 10000000),)),
            Contender('Go', 'go:sched', ('channel', count(quick, 4000000))),
            Contender('asyncio', 'asyncio:py_sched',
                      ('queue', count(quick, 200000))),
            Contender('uvloop', 'uvloop:py_sched',
                      ('queue', count(quick, 200000))))),))


def sleepers(quick):
    """The last argument is how long each of them sleeps, in seconds: long
    enough to create all of them meanwhile."""
    sleeping = count(quick, 1000000)
    bounds = not quick
    return Claim(
        4, f'{int(sleeping):,} tasks asleep at once: created, fired, joined',
        (Metric('seconds', 'seconds of processor time',
                (Bound('bide', 4, below=True),)),
         Metric('bytes', 'bytes each, resident and page tables',
                (Bound('bide', 4400),)),
         Metric('mappings', 'mappings of memory in all',
                (Bound('bide', 100, below=True),))),
        (Case('', (
            Contender('bide', 'bide:million',
                      (sleeping, '8' if bounds else '1')),
            Contender('Go', 'go:sched',
                      ('million', sleeping, '10' if bounds else '2')),
            Contender('asyncio', 'asyncio:py_sched',
                      ('million', sleeping, '40' if bounds else '5'))),
              bounded=bounds, memory=0 if quick else 5 << 30),))


def timers(_):
    ahead = (Bound('bide', 1.0, peer='libuv', below=True),)
    return Claim(
        5, '100,000 timers',
        (Metric('cancel_ns', 'set and cancelled, ns each', ahead),
         Metric('fire_ns', 'set and fired, ns each', ahead),
         Metric('scope_ns', 'a timeout scope entered and left, ns')),
        (Case('', (
            Contender('bide', 'bide:timers'),
            Contender('hand-written', 'c:hand_timers'),
            Contender('libuv', 'uv:uv_timers'),
            Contender('asyncio', 'asyncio:py_sched', ('timers',)),
            Contender('uvloop', 'uvloop:py_sched', ('timers',)))),))


ECHO_SERVERS = (
    Contender('bide, io_uring', 'bide:echo', env=ON_URING),
    Contender('bide, epoll', 'bide:echo', env=ON_EPOLL),
    Contender('hand, io_uring', 'c:hand_uring_echo'),
    Contender('hand, epoll', 'c:hand_epoll_echo'),
    Contender('libuv', 'uv:uv_echo'),
    Contender('Go', 'go:echo'),
    Contender('asyncio Protocol', 'asyncio:py_echo', ('protocol',)),
    Contender('asyncio Protocol, cold', 'asyncio:py_echo',
              ('protocol', 'cold')),
    Contender('asyncio Streams', 'asyncio:py_echo', ('streams',)),
    Contender('uvloop Protocol', 'uvloop:py_echo', ('protocol',)),
    Contender('uvloop Streams', 'uvloop:py_echo', ('streams',)),
)


def echoing(quick):
    times = (100, 300) if quick else (250, 1000)
    return Claim(
        6, 'TCP echo, one message under way a connection',
        (Metric('server_us', 'processor time of the server, µs a request',
                (Bound('bide, io_uring', 1.05, peer='hand, io_uring'),
                 Bound('bide, epoll', 1.08, peer='hand, epoll'))),),
        tuple(Case(f'{connections} connections, {size} B', ECHO_SERVERS,
                   (connections, size, *times))
              for connections in (50, 500) for size in (64, 4096)))


# What streams may cost over the same by hand.
BY_HAND = (Bound('bide, io_uring', 1.1, peer='hand, io_uring'),
           Bound('bide, epoll', 1.1, peer='hand, epoll'))


def bulk(quick):
    times = (100, 300) if quick else (250, 1000)
    servers = (
        Contender('bide, io_uring', 'bide:echo', ('bulk',), ON_URING),
        Contender('bide, epoll', 'bide:echo', ('bulk',), ON_EPOLL),
        Contender('hand, io_uring', 'c:hand_uring_echo', ('256',)),
        Contender('hand, epoll', 'c:hand_epoll_echo'),
        Contender('libuv', 'uv:uv_echo'),
        Contender('Go', 'go:echo', ('bulk',)),
        Contender('asyncio Protocol', 'asyncio:py_echo', ('protocol',)),
        Contender('uvloop Protocol', 'uvloop:py_echo', ('protocol',)))
    return Claim(
        8, 'TCP echo of large messages, 8 connections',
        (Metric('server_us', 'processor time of the server, µs a message',
                BY_HAND),),
        tuple(Case(title, servers, (8, size, *times))
              for title, size in (('64 KiB', 64 << 10), ('1 MiB', 1 << 20))))


def connecting(quick):
    times = (100, 300) if quick else (250, 1000)
    one_message = (1,)
    return Claim(
        9, 'connect, echo 64 B, close; 50 at a time',
        (Metric('server_us', 'processor time of the server, µs each',
                BY_HAND),),
        (Case('', ECHO_SERVERS, (50, 64, *times, *one_message)),))


def requests(_):
    def case(title, number):
        return Case(title, (
            Contender('bide', 'bide:requests', (number,), pair=True),
            Contender('plain calls', 'bide:requests', (number, 'plain'),
                      pair=True),
            Contender('asyncio', 'asyncio:py_sched', ('requests', number),
                      pair=True)))
    return Claim(
        7, 'requests of one second each, all together',
        (Metric('seconds', 'seconds of the wall',
                (Bound('bide', 1.01, case='10 requests'),
                 Bound('bide', 1.3, case='10,000 requests'))),),
        (case('10 requests', '10'), case('10,000 requests', '10000')))


def growing(quick):
    """What an echo costs as the number of connections grows. The servers by
    hand show how much of it is the kernel's."""
    times = (1000, 500) if quick else (2000, 2000)

    def case(backend, env, by_hand):
        def contender(title, connections, program, variables):
            return Contender(title, program, env=variables,
                             load=(connections, 64, *times))
        return Case(backend, (
            contender('bide, 10,000', 10000, 'bide:echo', env),
            contender('bide, 100', 100, 'bide:echo', env),
            contender('hand, 10,000', 10000, by_hand, {}),
            contender('hand, 100', 100, by_hand, {})), load=(100, 64, *times))
    return Claim(
        10, 'TCP echo at 10,000 connections and at 100',
        (Metric('server_us', 'processor time of the server, µs a request',
                (Bound('bide, 10,000', 1.3, peer='bide, 100'),)),),
        (case('io_uring', ON_URING, 'c:hand_uring_echo'),
         case('epoll', ON_EPOLL, 'c:hand_epoll_echo')))


def rearming(_):
    return Claim(
        11, 'a timer set and cleared while others are pending',
        (Metric('rearm_ns', 'ns each',
                (Bound('1,000,000 pending', 3, peer='1,000 pending'),)),),
        (Case('', (
            Contender('1,000,000 pending', 'bide:rearm', ('1000000',)),
            Contender('1,000 pending', 'bide:rearm', ('1000',)))),))


def processes(quick):
    number = count(quick, 2000)
    return Claim(
        12, 'start /usr/bin/true and wait for its end',
        (Metric('us', 'µs of the wall a child',
                (Bound('bide, io_uring', 1.11, peer='posix_spawn'),
                 Bound('bide, epoll', 1.11, peer='posix_spawn'))),),
        tuple(Case(title, (
            Contender('bide, io_uring', 'bide:processes', (number, at_once),
                      ON_URING),
            Contender('bide, epoll', 'bide:processes', (number, at_once),
                      ON_EPOLL),
            Contender('posix_spawn', 'c:posix_processes', (number, at_once)),
            Contender('asyncio', 'asyncio:py_processes', (number, at_once)),
            Contender('uvloop', 'uvloop:py_processes', (number, at_once))))
              for title, at_once in (('one at a time', '1'),
                                     ('16 at a time', '16'))))


def datagrams(quick):
    number = count(quick, 1000000)
    few = count(quick, 100000)

    def bide(mode, size):
        return (Contender('bide, io_uring', 'bide:datagrams',
                          (mode, number, size), ON_URING),
                Contender('bide, epoll', 'bide:datagrams',
                          (mode, number, size), ON_EPOLL))

    def python(mode, size):
        return (Contender('asyncio', 'asyncio:py_datagrams',
                          (mode, few, size)),
                Contender('uvloop', 'uvloop:py_datagrams', (mode, few, size)))

    def within(limit, peer, case):
        return (Bound('bide, io_uring', limit, peer=peer, case=case),
                Bound('bide, epoll', limit, peer=peer, case=case))
    singly, pong = '64 B, 32 under way', '64 B, there and back'
    many = '1,200 B, 32 by one call'
    return Claim(
        13, 'datagrams of UDP sent and received in one process',
        (Metric('ns', 'ns of processor time a datagram',
                within(1.1, 'send, recv', singly)
                + within(1.1, 'epoll by hand', pong)
                + within(0.2, 'sendmmsg, recvmmsg', many)
                + within(1.5, 'segments by hand', many)),),
        (Case(singly, bide('singly', '64') + (
            Contender('send, recv', 'c:hand_datagrams',
                      ('singly', number, '64')),) + python('singly', '64')),
         Case(pong, bide('pong', '64') + (
             Contender('epoll by hand', 'c:hand_datagrams',
                       ('pong', number, '64')),) + python('pong', '64')),
         Case(many, bide('many', '1200') + (
             Contender('sendmmsg, recvmmsg', 'c:hand_datagrams',
                       ('mmsg', number, '1200')),
             Contender('segments by hand', 'c:hand_datagrams',
                       ('segments', number, '1200'))))))


def on_files(mode, directory, number):
    """The same work in the same directory for each of them."""
    arguments = (mode, directory, number)
    return (Contender('bide, io_uring', 'bide:files', arguments, ON_URING),
            Contender('bide, epoll', 'bide:files', arguments, ON_EPOLL),
            Contender('plain calls', 'c:hand_files', arguments),
            Contender('libuv', 'uv:uv_files', arguments))


def ahead_of_libuv(*more, case=''):
    return tuple(Bound(subject, 1, peer='libuv', below=True, case=case)
                 for subject in ('bide, io_uring', 'bide, epoll')) + more


def within_plain_calls(limit, case=''):
    return tuple(Bound(subject, limit, peer='plain calls', case=case)
                 for subject in ('bide, io_uring', 'bide, epoll'))


def small_files(quick):
    number = count(quick, 10000)
    memory, disk = 'in memory', 'on the disk'
    cpu = 'processor time, µs a file'
    return Claim(
        14, f'{int(number):,} files of 4 KiB written and read, 64 at once',
        (Metric('write_cpu_us', f'written: {cpu}',
                ahead_of_libuv(*within_plain_calls(1.3, memory),
                               case=memory)),
         Metric('write_wall_us', 'written: µs of the wall a file',
                ahead_of_libuv(case=memory)),
         Metric('read_cpu_us', f'read: {cpu}',
                ahead_of_libuv(*within_plain_calls(1.3))),
         Metric('read_wall_us', 'read: µs of the wall a file',
                ahead_of_libuv())),
        (Case(memory, on_files('many', '/dev/shm', number)),
         Case(disk, on_files('many', '/tmp', number))))


def parts_of_files(quick):
    number = count(quick, 400000)
    return Claim(
        15, 'parts of 4 KiB read at random from one file, 100 at once',
        (Metric('part_cpu_us', 'processor time, µs a part',
                ahead_of_libuv(*within_plain_calls(1.3))),
         Metric('part_wall_us', 'µs of the wall a part', ahead_of_libuv())),
        (Case('', on_files('random', '/tmp', number)),))


def documents(quick):
    def case(way, items, size, full):
        times = count(quick, full)
        simdjson = (Contender('simdjson', 'pkg:simdjson/json_simdjson',
                              (way, items, times)),)
        return Case(f'{way}, {size} bytes', (
            Contender('bide', 'bide:json', (way, items, times)),
            Contender('jansson', 'pkg:jansson/json_jansson',
                      (way, items, str(int(times) // 10))),
            Contender('cJSON', 'pkg:libcjson/json_cjson',
                      (way, items, str(int(times) // 10)))) + (
                simdjson if way == 'decode' else ()))

    small, large = case('decode', '3', 378, 2000000), case(
        'decode', '66', 4114, 200000)
    ahead = Bound('bide', 0.1, peer='jansson')
    near = tuple(Bound('bide', 3, peer='simdjson', case=one.title)
                 for one in (small, large))
    return Claim(
        16, 'JSON to and from structs, with all types checked',
        (Metric('ns', 'ns a document', (ahead,) + near),),
        (small, large, case('encode', '3', 378, 2000000),
         case('encode', '66', 4114, 200000)))


def all_claims(quick):
    """In the order of their numbers."""
    return (switching(quick), spawning(quick), queues(quick), sleepers(quick),
            timers(quick), echoing(quick), requests(quick), bulk(quick),
            connecting(quick), growing(quick), rearming(quick), processes(quick),
            datagrams(quick), small_files(quick), parts_of_files(quick),
            documents(quick))
