/* SPDX-License-Identifier: MIT */
/*
 * core.h — what the files of the extension module bide._core share.
 *
 *     module.c     names, imported objects, the module
 *     handle.c     Handle and TimerHandle
 *     loop.c       the loop: its state, its life and its type
 *     schedule.c   the ready queue, call_soon() and call_later()
 *     drive.c      engine and turns: wait, deliver, run what is ready
 *     watch.c      readers and writers
 *     wait.c       awaitables that try a call until it is done
 *     sock.c       sock_recv() and its like, by them
 *     address.c    addresses of sockets
 *     accept.c     servers
 *     tls.c        TLS, above a transport; tls_type.c: its types
 *     open.c       transports of connected sockets: their beginning
 *     stream.c     the same: their life
 *     read.c       the same: reading
 *     write.c      the same: writing
 *
 * Only <bide/engine.h> is used. asyncio's own classes are the base classes of
 * ours where programs ask for them by isinstance(): their __slots__ come first
 * in our structs, at offsets that the module checks when it is imported.
 *
 * Everything here runs with the GIL held; it is let go in one place, around
 * the wait of the engine (drive.c).
 */
#ifndef BIDE_PYTHON_CORE_H
#define BIDE_PYTHON_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <bide/engine.h>
#include <bide/error.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

/* ── Lists: a ring through a head ─────────────────────────────────────── */

typedef struct Link {
    struct Link *prev, *next;
} Link;

static inline void link_init(Link *link)
{
    link->prev = link->next = link;
}

static inline void link_append(Link *head, Link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void link_remove(Link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link_init(link);
}

#define CONTAINER(pointer, type, member)                                      \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* ── Objects ──────────────────────────────────────────────────────────── */

typedef struct LoopObject LoopObject;

/* The slots of asyncio.Handle, in the order of CPython: by name. */
typedef struct {
    PyObject_HEAD
    PyObject *args;     /* tuple, or None once cancelled */
    PyObject *callback;
    PyObject *cancelled; /* True or False */
    PyObject *context;
    PyObject *loop;
    PyObject *repr;
    PyObject *source_traceback;
#if PY_VERSION_HEX < 0x030c0000 /* later Pythons keep it before the object */
    PyObject *weakrefs;
#endif
} HandleObject;

/* Those of asyncio.TimerHandle, and ours. The loop owns a reference as long
 * as the handle is in its list of timers. */
typedef struct {
    HandleObject handle;
    PyObject *scheduled; /* True or False */
    PyObject *when;
    Link link;           /* the loop's timers; alone if not scheduled */
    bide_timer timer;
    int64_t when_ns;
} TimerObject;

/* Something whose operations have to be started again when the loop gets
 * another engine: after a fork, and when another thread runs it. */
typedef struct Source {
    Link link;                            /* the loop's sources */
    void (*start)(struct Source *source); /* nothing is in flight: begin */
    void (*forget)(struct Source *source); /* what was in flight is gone */
    void (*drop)(struct Source *source);  /* the loop is closed */
    int (*traverse)(struct Source *source, visitproc visit, void *arg);
} Source;

/* The reader and the writer of a descriptor. */
typedef struct Watch Watch;

/* Handles that will be called, oldest first: a ring of owned references. */
typedef struct {
    PyObject **items;
    size_t first, len, room; /* room is a power of two */
} Queue;

struct LoopObject {
    PyObject_HEAD
    PyObject *dict;
    PyObject *weakrefs;

    /* What asyncio's code in Python reads and sets. */
    char stopping, debug, closed;
    double slow_callback_duration;
    PyObject *thread_id; /* None unless it runs */
    PyObject *task_factory;
    PyObject *current_handle;
    PyObject *transports; /* by descriptor: asyncio's dictionary */

    Queue ready;
    Link timers;
    Link sources;
    Link unflushed;  /* transports with bytes to hand over before waiting */
    Watch **watches; /* by descriptor */
    size_t watches_len;
    struct StreamObject **streams; /* the same; borrowed */
    size_t streams_len;
    PyObject *stream_type; /* a subclass of Stream_Type */

    bide_engine *engine; /* NULL until it runs for the first time */
    uint64_t engine_owner; /* a thread of a process, see drive.c */
    size_t ending;        /* operations that were cancelled and have not yet
                             been completed */
    bool driving;         /* inside drive_run() */
    bool polling;         /* and inside the engine */
    bool direct;          /* nothing was ready before: deliveries may call */
    bool finishing;       /* and at its end: nobody is to be called */
    bool blocked;         /* the GIL is let go around the wait */
    bool wake_posted;
    bide_post wake;
    PyThreadState *saved; /* while blocked */
    char *scratch;        /* tls.c decrypts into it */
    PyObject *failure;    /* raised in a delivery: ends drive_run() */
};

/* A chunk of bytes that waits to be sent. */
typedef struct {
    PyObject *bytes;
    size_t sent;
} Chunk;

/* A transport of a connected socket, under asyncio's _FlowControlMixin. */
typedef struct StreamObject {
    PyObject_HEAD
    PyObject *extra; /* the slot of asyncio.BaseTransport */
    PyObject *flow[4]; /* those of _FlowControlMixin: unused, NULL */
    PyObject *weakrefs;
    Source source;
    PyObject *loop;     /* a LoopObject, or None when closed */
    PyObject *sock;     /* NULL: not made yet; None when closed */
    PyObject *protocol;
    PyObject *server;
    PyObject *empty_waiter;
    PyObject *context;  /* callbacks run in it */
    PyObject *stash;    /* list of bytes that came while paused, or NULL */
    int fd;
    int conn_lost;
    char closing, paused, eof, buffered, connected, protocol_paused;
    bool tls;           /* the protocol is a Tls of tls.c */
    bool started;       /* reading was begun once */
    char lent;          /* others may use the descriptor for now */
    struct sockaddr_in6 local, peer; /* of either family; 0: not known */
    bool attached;
    bool reading;       /* `read_op` is in flight */
    bool ending;        /* and cancelled */
    bool writing;       /* `write_op` is in flight */
    bool write_ending;
    bool bulk;          /* much comes: read by size, see read.c */
    int streak;         /* reads in a row that speak for the other way */
    bool stash_due;     /* delivering the stash is scheduled */
    bool ended;         /* the end of the stream was read */
    bool end_seen;      /* and is to be told behind the stash */
    bool close_due;     /* the socket is closed when nothing is in flight */
    bide_fd file;
    bide_op read_op;
    bide_op write_op;
    Link unflushed;     /* alone, or in the loop's list */
    Chunk *chunks;      /* ring-less queue: from first to last */
    size_t chunk_first, chunk_last, chunk_room;
    size_t buffered_bytes;
    Py_ssize_t high_water, low_water;
} StreamObject;

/* The address of a socket; `len` 0: none. */
typedef struct {
    struct sockaddr_storage any;
    socklen_t len;
} Address;

/* A call that is tried until the socket is ready for it. */
typedef struct Wait Wait;
typedef struct {
    const char *name; /* of the loop's method */
    uint32_t events;  /* what to poll for */
    /* 1: done, with a result; 0: not ready; -1: an exception is set */
    int (*attempt)(Wait *wait, PyObject **ret_result);
} WaitKind;

struct Wait {
    PyObject_HEAD
    Source source;
    const WaitKind *kind;
    PyObject *loop;
    PyObject *sock;   /* lives as long as the wait */
    PyObject *future; /* what the task waits for, or NULL */
    PyObject *data;   /* the kind's */
    Py_buffer view;   /* the kind's; its `obj` is NULL for none */
    size_t size;      /* the kind's */
    Address address;  /* the kind's */
    enum { WAIT_NEW, WAIT_WAITING, WAIT_DONE } state;
    int fd;
    bide_fd file;
    bide_op op;
    bool attached;
    bool flying;      /* `op` is in flight */
    bool ending;      /* and cancelled */
    bool owned;       /* `fd` is closed with the wait */
};

/* ── module.c ─────────────────────────────────────────────────────────── */

/* Names that are looked up often. */
#define NAMES(X)                                                              \
    X(Future) X(Task) X(_asyncio_future_blocking) X(_attach) X(_begin)        \
    X(_call_connection_lost) X(_call_eof_received) X(_check_callback)         \
    X(_check_closed) X(_check_thread) X(_control_app_writing)                 \
    X(_control_ssl_reading) X(_create_task_slowly) X(_do_flush)               \
    X(_do_handshake) X(_do_read__buffered) X(_do_shutdown) X(_do_write)       \
    X(_fatal_error) X(_run) X(_sslobj) X(_start_shutdown) X(append)           \
    X(buffer_updated) X(call_exception_handler) X(close) X(connection_lost)   \
    X(connection_made) X(context) X(coro) X(data_received) X(done)            \
    X(eof_received) X(exception) X(fileno) X(get_buffer) X(getpeername)       \
    X(getsockname) X(loop) X(message) X(name) X(pause_writing) X(peername)    \
    X(pending) X(proto) X(protocol) X(read) X(resume_writing)                 \
    X(set_exception) X(set_result) X(setblocking) X(shutdown) X(socket)       \
    X(sockname) X(transport) X(write)

struct names {
#define X(name) PyObject *name;
    NAMES(X)
#undef X
};
extern struct names names;

/* Objects of other modules. */
struct imports {
    PyObject *handle_type;  /* asyncio.events.Handle */
    PyObject *timer_type;   /* asyncio.events.TimerHandle */
    PyObject *transport_type; /* asyncio.transports._FlowControlMixin */
    PyObject *futures;      /* asyncio.futures.__dict__: has Future */
    PyObject *tasks;        /* asyncio.tasks.__dict__: has Task */
    PyObject *loop_type;    /* asyncio's BaseSelectorEventLoop */
    PyObject *socket_type;  /* socket.socket */
    PyObject *transport_socket; /* asyncio.trsock.TransportSocket */
    PyObject *buffered_protocol; /* asyncio.BufferedProtocol */
    PyObject *ssl_object;   /* ssl.SSLObject */
    PyObject *ssl_want_read, *ssl_syscall; /* its SSLAgainErrors */
    PyObject *tls_states;   /* asyncio.sslproto.SSLProtocolState; its: */
    PyObject *tls_handshake, *tls_wrapped, *tls_flushing, *tls_shutdown;
    PyObject *af_inet, *af_inet6, *sock_stream, *sock_dgram; /* enums */
    PyObject *extract_stack;
    PyObject *report;       /* bide._report: functions in Python */
    PyObject *slow;
};
extern struct imports imports;

extern PyObject *empty_tuple;
extern PyObject *loop_keyword; /* ("loop",) */

/* asyncio's Future and Task, or what a program has put in their place;
 * borrowed. NULL: an exception is set. */
PyObject *future_type(void);
PyObject *task_type(void);

/* A future of a loop. */
PyObject *future_new(LoopObject *loop);

/* Keep the exception that is set, or raise one that was kept. */
PyObject *exception_take(void);
void exception_raise(PyObject *exception);

/* Set OSError from a code of the engine; returns NULL. */
PyObject *raise_code(int64_t code);

/* ── handle.c ─────────────────────────────────────────────────────────── */

extern PyTypeObject *Handle_Type, *Timer_Type;
int handle_init_types(PyObject *module);

/* New reference, not tracked: see handle.c. args: a vector; context may be
 * NULL or None. */
HandleObject *handle_new(LoopObject *loop, PyObject *callback,
                         PyObject *const *args, Py_ssize_t count,
                         PyObject *context);
TimerObject *timer_new(LoopObject *loop, PyObject *when, PyObject *callback,
                       PyObject *const *args, Py_ssize_t count,
                       PyObject *context);

/* For the traversal of the loop that owns it. */
int handle_visit(PyObject *handle, visitproc visit, void *arg);

/* Give up the loop's reference. */
static inline void handle_let_go(PyObject *handle)
{
    if (Py_REFCNT(handle) > 1 && !PyObject_GC_IsTracked(handle))
        PyObject_GC_Track(handle);
    Py_DECREF(handle);
}

/* Call it. -1: an exception that must end the loop is set. */
int handle_run(LoopObject *loop, HandleObject *handle);

/* ── loop.c ───────────────────────────────────────────────────────────── */

extern PyTypeObject *Loop_Type;
int loop_init_type(PyObject *module);

/* End what may not outlast the loop. */
void loop_release(LoopObject *loop);

/* ── schedule.c ───────────────────────────────────────────────────────── */

int queue_push(Queue *queue, PyObject *item); /* takes the reference */
static inline PyObject *queue_pop(Queue *queue)
{
    PyObject *item = queue->items[queue->first];
    queue->first = (queue->first + 1) & (queue->room - 1);
    queue->len--;
    return item;
}

/* call_soon(callback, argument) from C; -1: an exception is set. */
int loop_soon(LoopObject *loop, PyObject *callback, PyObject *argument);

/* -1 with an exception: too few arguments; the loop is closed. */
int loop_check_count(const char *function, Py_ssize_t count, Py_ssize_t min);
int loop_check_open(LoopObject *loop);

PyObject *loop_call_soon(PyObject *self, PyObject *const *args,
                         Py_ssize_t count, PyObject *kwnames);
PyObject *loop_call_soon_threadsafe(PyObject *self, PyObject *const *args,
                                    Py_ssize_t count, PyObject *kwnames);
PyObject *loop_call_later(PyObject *self, PyObject *const *args,
                          Py_ssize_t count, PyObject *kwnames);
PyObject *loop_call_at(PyObject *self, PyObject *const *args,
                       Py_ssize_t count, PyObject *kwnames);
PyObject *loop_add_callback(PyObject *self, PyObject *handle);
PyObject *loop_wake(PyObject *self, PyObject *unused);
PyObject *loop_time(PyObject *self, PyObject *unused);

/* ── drive.c ──────────────────────────────────────────────────────────── */

int drive_init(void);
PyObject *drive_run(LoopObject *loop);  /* until `stopping` */

/* One wait, for who runs the ready handles himself. */
PyObject *drive_poll(LoopObject *loop, int64_t timeout_ns);
void drive_wake(LoopObject *loop);      /* from any thread with the GIL */
void drive_close(LoopObject *loop);

/* Have cancellations take effect now, where that is possible. */
void drive_settle(LoopObject *loop);

/* Whether operations may be started now: there is an engine, and it belongs
 * to this thread and process. Otherwise the next drive_run() starts them. */
bool drive_ready(const LoopObject *loop);
void timer_fire(bide_timer *timer);

/* Keep an exception out of a delivery: one that ends the loop stops it. */
void drive_failed(LoopObject *loop);

/* ── watch.c ──────────────────────────────────────────────────────────── */

enum { READER = 0, WRITER = 1 };
/* Set or replace; takes over the handle's reference. */
int watch_set(LoopObject *loop, int fd, int side, PyObject *handle);
/* 1: there was one; 0: not; cancels its handle. */
int watch_clear(LoopObject *loop, int fd, int side);
bool watch_has(const LoopObject *loop, int fd, int side);

/* ── address.c ────────────────────────────────────────────────────────── */

/* False: this is left to Python's own code; no exception is set. */
bool address_from_python(int family, PyObject *address, Address *ret);
PyObject *address_to_python(const Address *address);
bool address_is_known(const Address *address);

/* ── wait.c, sock.c ───────────────────────────────────────────────────── */

extern PyTypeObject *Wait_Type;
int wait_init_type(PyObject *module);
Wait *wait_new(LoopObject *loop, const WaitKind *kind, PyObject *sock, int fd);

/* One that is done when it is first awaited. Takes the reference to the
 * result; NULL where that is NULL. */
PyObject *wait_with_result(LoopObject *loop, PyObject *result);

#define SOCK_METHODS(X)                                                       \
    X(recv) X(recv_into) X(recvfrom) X(recvfrom_into) X(sendall) X(sendto)    \
    X(connect) X(accept)
#define X(name)                                                               \
    PyObject *loop_sock_##name(PyObject *self, PyObject *const *args,         \
                               Py_ssize_t count, PyObject *kwnames);
SOCK_METHODS(X)
#undef X

/* See sock.c; NULL without an exception: this is asyncio's to do. */
PyObject *loop_dial(PyObject *self, PyObject *args);
PyObject *loop_resolve(PyObject *self, PyObject *args);

/* A socket.socket of a descriptor, not blocking; takes it on success. */
PyObject *sock_of(int fd, int family, int type, int protocol);

/* ── accept.c ─────────────────────────────────────────────────────────── */

int acceptor_init_type(PyObject *module);

/* ── tls.c, tls_type.c ────────────────────────────────────────────────── */

int tls_init_types(PyObject *module);
bool tls_check(PyObject *protocol);
/* Bytes came for a protocol that passed tls_check(). -1: an exception. */
int tls_feed(PyObject *protocol, const char *data, Py_ssize_t len);

/* ── open.c ───────────────────────────────────────────────────────────── */

/* A transport of a connected descriptor, which it takes in any case; begins
 * in the next turn, and tells the waiter unless that is None. */
PyObject *stream_open(LoopObject *loop, int fd, PyObject *protocol,
                      PyObject *server, PyObject *waiter);
void stream_close_fd(StreamObject *stream);
PyObject *stream_get_sock(PyObject *self, void *unused);
PyObject *stream_get_extra(PyObject *self, void *unused);
PyObject *stream_get_extra_info(PyObject *self, PyObject *const *args,
                                Py_ssize_t count, PyObject *kwnames);
PyObject *stream_set_protocol(PyObject *self, PyObject *protocol);
PyObject *stream_set_up(PyObject *self, PyObject *args);
PyObject *stream_begin(PyObject *self, PyObject *waiter);
PyObject *stream_begin_soon(PyObject *self, PyObject *waiter);

int loop_add_stream(LoopObject *loop, StreamObject *stream);
void loop_remove_stream(LoopObject *loop, StreamObject *stream);
/* -1 with an exception: a transport has this descriptor. */
int loop_refuse_stream(LoopObject *loop, int fd);

/* ── stream.c, read.c, write.c ────────────────────────────────────────── */

extern PyTypeObject *Stream_Type;
int stream_init_type(PyObject *module);
StreamObject *stream_alloc(PyTypeObject *type, LoopObject *loop, int fd,
                           PyObject *sock); /* sock may be NULL */
LoopObject *stream_loop(const StreamObject *stream); /* NULL when closed */
void stream_attach(StreamObject *stream);
/* Have connection_lost() called in the next turn. */
int stream_schedule_loss(StreamObject *stream, PyObject *exception);
void stream_settle(StreamObject *stream); /* close what is due */
/* Report what is set as fatal; clears it or keeps it for the loop. */
void stream_fatal(StreamObject *stream, const char *message);

void stream_start_reading(StreamObject *stream);
void stream_stop_reading(StreamObject *stream);
int stream_schedule_stash(StreamObject *stream);
PyObject *stream_deliver_stash(PyObject *self, PyObject *unused);

void stream_flush(StreamObject *stream);
void stream_write_start(StreamObject *stream); /* after an engine came */
void stream_drop_chunks(StreamObject *stream);
void stream_end_writing(StreamObject *stream);
bool stream_pending(const StreamObject *stream);
PyObject *stream_write(PyObject *self, PyObject *data);
PyObject *stream_writelines(PyObject *self, PyObject *list);
PyObject *stream_write_eof(PyObject *self, PyObject *unused);
PyObject *stream_set_limits(PyObject *self, PyObject *args);
void stream_on_writable(bide_op *op);

#endif
