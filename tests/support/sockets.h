#ifndef TROLLEY_TESTS_SUPPORT_SOCKETS_H_
#define TROLLEY_TESTS_SUPPORT_SOCKETS_H_

#include <chrono>
#include <string_view>

#include "base/unique_fd.h"

namespace trolley {

// A port of 127.0.0.1 that nobody listened on a moment ago, and that the kernel gives to nobody who does not ask for
// it.
int FreePort();

// Listens on 127.0.0.1; port 0 picks one. Throws std::runtime_error.
UniqueFd ListenOnLoopback(int port = 0);
int PortOf(int listening_fd);
// Nothing when refused.
UniqueFd ConnectToLoopback(int port);

// Sends everything, waiting for room as long as `stop` (an eventfd) stays silent; false when that is in vain.
bool SendAll(int fd, std::string_view bytes, int stop);
// Closes with RST: the peer sees "connection reset" and not an orderly end.
void Reset(UniqueFd& fd);

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_SOCKETS_H_
