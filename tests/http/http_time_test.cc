#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "http/http_fixture.h"
#include "support/sockets.h"
#include "trolley/http_client.h"

namespace {

// A name server that does not respond: names that end in ".hangs" take until Release().
class HangingResolver {
 public:
  void Wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::seconds(60), [this] { return released_; });
    --waiting_;
    changed_.notify_all();
  }
  bool WaitUntilAsked() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [this] { return waiting_ > 0; });
  }
  void Release() {
    std::unique_lock lock(mutex_);
    released_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::seconds(60), [this] { return waiting_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool released_ = false;
};

HangingResolver& Resolver() {
  static auto* const resolver = new HangingResolver;  // curl's threads may outlive the test
  return *resolver;
}

}  // namespace

// In place of the C library's, for this whole program.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  if (node != nullptr && std::string_view(node).ends_with(".hangs")) {
    Resolver().Wait();
    return EAI_AGAIN;
  }
  static const auto real = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(node, service, hints, result);
}

namespace trolley {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

// Nothing waits for ever, and nothing is given up while it moves.
class HttpTimeTest : public HttpFixture {
 protected:
  void HangAfter(std::string bytes) {
    server_.SetHandler([bytes = std::move(bytes)](const ReceivedRequest&, HttpReply& reply) {
      reply.Send(bytes);
      reply.Hang();
    });
  }
  // Requests stop once the server has the request.
  Error GetCancelled(const std::string& path) {
    std::stop_source stop;
    Context context = Patient();
    context.stop = stop.get_token();
    std::thread canceller([&] {
      EXPECT_TRUE(server_.WaitForRequests(1, path));
      std::this_thread::sleep_for(milliseconds(500));  // curl's own timers, which would wake it, run out
      stopped_ = Clock::now();
      stop.request_stop();
    });
    const Error error = GetError(path, context);
    const auto ended = Clock::now();
    canceller.join();
    EXPECT_LT(ended - stopped_, std::chrono::seconds(1));
    return error;
  }

  Clock::time_point stopped_;
};

TEST_F(HttpTimeTest, TheDeadlineEndsAHangingRequest) {
  for (const std::string bytes :
       {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nabc"}) {
    HangAfter(bytes);
    const Error error = GetError("/", Context::WithTimeout(milliseconds(100)));
    EXPECT_EQ(error.code(), ErrorCode::kTimedOut) << bytes;
    EXPECT_THAT(error.what(), HasSubstr("time allowed"));
  }
}

TEST_F(HttpTimeTest, TheDeadlineEndsAResponseThatNeverEnds) {
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Send("HTTP/1.1 200 OK\r\n\r\n");
    while (reply.Send(std::string(100'000, 'x'))) {
    }
  });
  class Forgetful : public HttpSink {
    void OnHead(const HttpHead&) override {}
    void OnBody(std::span<const std::byte>) override {}
  } sink;
  const Error error =
      Caught([&] { Client().Stream({.url = server_.Url("/")}, sink, Context::WithTimeout(milliseconds(200))); });
  EXPECT_EQ(error.code(), ErrorCode::kTimedOut);
}

TEST_F(HttpTimeTest, ADeadlineThatHasPassedAsksNothing) {
  const Error error = GetError("/", Context::WithTimeout(milliseconds(-1)));
  EXPECT_EQ(error.code(), ErrorCode::kTimedOut);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(GetError("/", {stop.get_token()}).code(), ErrorCode::kCancelled);
  EXPECT_EQ(server_.CountRequests(), 0u);
}

TEST_F(HttpTimeTest, SilenceEndsATransfer) {
  options_.stall_timeout = milliseconds(100);
  for (const std::string bytes : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"}) {
    HangAfter(bytes);
    const Error error = GetError("/");
    EXPECT_EQ(error.code(), ErrorCode::kTimedOut) << bytes;
    EXPECT_THAT(error.what(), HasSubstr("nothing for 100 ms"));
  }
}

TEST_F(HttpTimeTest, ABodyThatIsNotTakenEndsATransfer) {
  options_.stall_timeout = milliseconds(200);
  const UniqueFd deaf = ListenOnLoopback();  // the kernel takes what fits its buffers
  const Error error = Caught([&] {
    Client().Fetch({.method = "POST",
                    .url = StrCat("http://127.0.0.1:", PortOf(deaf.get()), "/"),
                    .body = std::string(50'000'000, 'x')},
                   Patient());
  });
  EXPECT_EQ(error.code(), ErrorCode::kTimedOut);
}

TEST_F(HttpTimeTest, WhatDribblesIsNotSilent) {
  options_.stall_timeout = milliseconds(1000);
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Dribble("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nabcdefghijkl", 6, milliseconds(150));
  });
  EXPECT_EQ(Get("/").body, "abcdefghijkl");
}

TEST_F(HttpTimeTest, ASlowSinkIsNoSilence) {
  options_.stall_timeout = milliseconds(500);
  std::promise<void> slept;
  server_.SetHandler([&](const ReceivedRequest&, HttpReply& reply) {
    reply.Send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
    slept.get_future().wait();
    reply.Send("def");
  });
  class Slow : public RecordingSink {
   public:
    explicit Slow(std::promise<void>& slept) : slept_(slept) {}
    void OnBody(std::span<const std::byte> piece) override {
      if (body.empty()) {
        std::this_thread::sleep_for(milliseconds(1200));
        slept_.set_value();
      }
      RecordingSink::OnBody(piece);
    }

   private:
    std::promise<void>& slept_;
  } sink(slept);
  Client().Stream({.url = server_.Url("/")}, sink, Patient());
  EXPECT_EQ(sink.body, "abcdef");
}

TEST_F(HttpTimeTest, CancellingEndsAWaitAtOnce) {
  HangAfter("");
  EXPECT_EQ(GetCancelled("/1").code(), ErrorCode::kCancelled);
  HangAfter("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc");
  EXPECT_EQ(GetCancelled("/2").code(), ErrorCode::kCancelled);
  RespondOk();
  EXPECT_EQ(Get("/3").body, "ok");
}

TEST_F(HttpTimeTest, CancellingEndsAFastTransferAtOnce) {
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Send("HTTP/1.1 200 OK\r\n\r\n");
    while (reply.Send(std::string(100'000, 'x'))) {
    }
  });
  EXPECT_EQ(GetCancelled("/").code(), ErrorCode::kCancelled);
}

TEST_F(HttpTimeTest, CancelsManyAtOnce) {
  constexpr size_t kThreads = 50;
  HangAfter("");
  std::stop_source stop;
  Context context = Patient();
  context.stop = stop.get_token();
  HttpClient& client = Client();
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      EXPECT_EQ(Caught([&] { client.Fetch({.url = server_.Url("/")}, context); }).code(), ErrorCode::kCancelled);
    });
  }
  EXPECT_TRUE(server_.WaitForRequests(kThreads));
  stop.request_stop();
  const auto stopped = Clock::now();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_LT(Clock::now() - stopped, std::chrono::seconds(5));
}

TEST_F(HttpTimeTest, AServerThatDoesNotAcceptTimesOut) {
  options_.connect_timeout = milliseconds(200);
  // Connections beyond the backlog get no response.
  const UniqueFd busy = ListenOnLoopback();
  ASSERT_EQ(listen(busy.get(), 0), 0);
  const UniqueFd taken = ConnectToLoopback(PortOf(busy.get()));
  const Error error =
      Caught([&] { Client().Fetch({.url = StrCat("http://127.0.0.1:", PortOf(busy.get()), "/")}, Patient()); });
  EXPECT_EQ(error.code(), ErrorCode::kTimedOut);
  EXPECT_THAT(error.what(), HasSubstr("no response within 200 ms"));
}

TEST_F(HttpTimeTest, ATlsHandshakeThatHangsTimesOut) {
  options_.connect_timeout = milliseconds(200);
  const UniqueFd silent = ListenOnLoopback();
  const Error error =
      Caught([&] { Client().Fetch({.url = StrCat("https://127.0.0.1:", PortOf(silent.get()), "/")}, Patient()); });
  EXPECT_EQ(error.code(), ErrorCode::kTimedOut);
  EXPECT_THAT(error.what(), HasSubstr("no response within 200 ms"));
}

TEST_F(HttpTimeTest, ANameServerThatHangsHoldsUpNobody) {
  options_.connect_timeout = milliseconds(200);
  const auto begun = Clock::now();
  const Error error = Caught([&] { Client().Fetch({.url = "http://archive.hangs/"}, Patient()); });
  EXPECT_EQ(error.code(), ErrorCode::kTimedOut);
  EXPECT_TRUE(Resolver().WaitUntilAsked());
  std::stop_source stop;
  HttpClient patient({.connect_timeout = std::chrono::seconds(60)});
  std::jthread canceller([&] { stop.request_stop(); });
  EXPECT_EQ(Caught([&] { patient.Fetch({.url = "http://archive.hangs/"}, {stop.get_token()}); }).code(),
            ErrorCode::kCancelled);
  EXPECT_LT(Clock::now() - begun, std::chrono::seconds(30));
  Resolver().Release();
}

}  // namespace
}  // namespace trolley
