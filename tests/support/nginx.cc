#include "support/nginx.h"

#include <chrono>
#include <stdexcept>
#include <thread>

#include "base/text.h"
#include "support/sockets.h"

namespace trolley {

NginxServer::NginxServer(std::string_view http, size_t servers) : ports_(servers) {
  constexpr int kAttempts = 5;  // somebody else may take a free port before nginx does
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    if (Start(std::string(http))) {
      return;
    }
  }
  throw std::runtime_error(StrCat("nginx does not start: ", process_->Err()));
}

bool NginxServer::Start(std::string http) {
  for (size_t i = 0; i < ports_.size(); ++i) {
    ports_[i] = FreePort();
    const std::string name = StrCat("PORT", i);
    for (size_t at = http.find(name); at != std::string::npos; at = http.find(name, at)) {
      http.replace(at, name.size(), std::to_string(ports_[i]));
    }
  }
  std::string temporary;
  for (const std::string_view kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    temporary += StrCat(kind, "_temp_path ", (directory_ / "tmp").string(), ";\n");
  }
  const auto file =
      directory_.Write("nginx.conf", StrCat("daemon off; master_process off; pid nginx.pid; error_log stderr;\n"
                                            "events {}\nhttp {\naccess_log off; lingering_close off;\n",
                                            temporary, http, "}\n"));
  process_ = std::make_unique<Process>(
      std::vector<std::string>{"nginx", "-e", "stderr", "-p", directory_.path().string(), "-c", file.string()});
  while (process_->Running()) {
    bool all = true;
    for (const int port : ports_) {
      all = all && ConnectToLoopback(port);
    }
    if (all) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace trolley
