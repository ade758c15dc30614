#ifndef TROLLEY_BASE_WAIT_H_
#define TROLLEY_BASE_WAIT_H_

#include "trolley/context.h"

namespace trolley {

enum class Waited { kReady, kCancelled, kDeadline, kNothing };

// Waits until `fd` is ready for `events` (as poll() has them; an error or the other side's end is ready, too), the
// context ends, or nothing happened for `patience`.
Waited WaitFor(int fd, short events, const Context& context, Clock::duration patience);

}  // namespace trolley

#endif  // TROLLEY_BASE_WAIT_H_
