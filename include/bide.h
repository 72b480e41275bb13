/* SPDX-License-Identifier: MIT */
/*
 * <bide.h> — the core of bide in one include.
 *
 * What needs another library (TLS, HTTP, databases) has a header of its own,
 * <bide/...>, so that a file's includes show what it links against.
 */
#ifndef BIDE_H
#define BIDE_H

#include <bide/base.h>
#include <bide/context.h>
#include <bide/datagram.h>
#include <bide/debug.h>
#include <bide/dns.h>
#include <bide/error.h>
#include <bide/executor.h>
#include <bide/file.h>
#include <bide/future.h>
#include <bide/group.h>
#include <bide/loop.h>
#include <bide/path.h>
#include <bide/process.h>
#include <bide/queue.h>
#include <bide/ready.h>
#include <bide/signal.h>
#include <bide/stream.h>
#include <bide/sync.h>
#include <bide/task.h>
#include <bide/timeout.h>
#include <bide/watch.h>

#endif
