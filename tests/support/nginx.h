#ifndef TROLLEY_TESTS_SUPPORT_NGINX_H_
#define TROLLEY_TESTS_SUPPORT_NGINX_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/process.h"
#include "support/temp_directory.h"

namespace trolley {

// nginx with `servers` ports of 127.0.0.1. In `http`, its configuration's http block, PORT0, PORT1 and so on stand for
// them.
class NginxServer {
 public:
  static bool Installed() { return HasProgram("nginx"); }

  NginxServer(std::string_view http, size_t servers);

  int port(size_t server) const { return ports_.at(server); }

 private:
  bool Start(std::string http);

  TempDirectory directory_;
  std::vector<int> ports_;
  std::unique_ptr<Process> process_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_NGINX_H_
