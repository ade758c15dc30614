#ifndef TROLLEY_TESTS_HTTP_AUTH_AUTH_FIXTURE_H_
#define TROLLEY_TESTS_HTTP_AUTH_AUTH_FIXTURE_H_

#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "http/http_fixture.h"
#include "support/temp_directory.h"
#include "trolley/authenticator.h"
#include "trolley/log.h"

namespace trolley {

// An archive that wants to be logged in to (server_), a place to log in (login_server_), and a clock of its own.
class LoginFixture : public HttpFixture {
 protected:
  LoginOptions Login() {
    LoginOptions login;
    login.now = [this] { return Clock::time_point(std::chrono::seconds(now_.load())); };
    return login;
  }
  void Advance(int seconds) { now_ += seconds; }
  SecretSource Secret(const std::string& name, std::string_view content) {
    const auto file = directory_.Write(name, content);
    EXPECT_EQ(chmod(file.c_str(), 0600), 0);
    return {.file = file};
  }
  // As many calls as threads, at the same time.
  template <typename Function>
  static void Together(size_t threads, Function function) {
    std::vector<std::thread> running;
    for (size_t i = 0; i < threads; ++i) {
      running.emplace_back(function);
    }
    for (std::thread& thread : running) {
      thread.join();
    }
  }
  static std::string Everything(const FakeHttpServer& server) {
    std::string all;
    for (const ReceivedRequest& request : server.Requests()) {
      all += request.raw;
    }
    return AsciiLower(all);
  }
  static std::string Problems() { return Join(RecentProblems(), "\n"); }

  TempDirectory directory_;
  FakeHttpServer login_server_;
  std::atomic<int> now_ = 1'000'000;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_HTTP_AUTH_AUTH_FIXTURE_H_
