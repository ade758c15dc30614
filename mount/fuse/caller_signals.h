#ifndef TROLLEY_MOUNT_FUSE_CALLER_SIGNALS_H_
#define TROLLEY_MOUNT_FUSE_CALLER_SIGNALS_H_

#include <string_view>

namespace trolley {

// The kernel reports any signal to a waiting caller as an interruption, also those that a runtime sends to itself all
// the time (Go preempts its threads with SIGURG, shells get SIGCHLD). Such a signal must not fail an open with EINTR.

// Whether the status text of a thread (/proc/TID/status) shows a pending, unblocked signal that is meant to end what
// the thread waits for.
bool StatusShowsEndingSignal(std::string_view status);
// The same for a thread; true also when the thread cannot be looked at (another PID namespace, or gone).
bool HasEndingSignal(int thread_id);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_FUSE_CALLER_SIGNALS_H_
