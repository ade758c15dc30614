#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "base/rate_limiter.h"
#include "http/http_fixture.h"
#include "support/sockets.h"
#include "trolley/http_client.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Connections that are kept, and what servers do to them.
class HttpConnectionTest : public HttpFixture {
 protected:
  std::vector<size_t> ConnectionsOfRequests() const {
    std::vector<size_t> connections;
    for (const ReceivedRequest& request : server_.Requests()) {
      connections.push_back(request.connection);
    }
    return connections;
  }
  // Responds to the first request on each connection, and ends the second with what `end` does.
  template <typename End>
  void RespondOnceOnEachConnection(End end) {
    server_.SetHandler([this, end](const ReceivedRequest& request, HttpReply& reply) {
      const bool first = [&] {
        const std::lock_guard lock(mutex_);
        return seen_.insert(request.connection).second;
      }();
      first ? (void)reply.Respond(200, "", "ok") : end(reply);
    });
  }

 private:
  std::mutex mutex_;
  std::set<size_t> seen_;
};

TEST_F(HttpConnectionTest, KeepsConnections) {
  RespondOk();
  for (int i = 0; i < 5; ++i) {
    Get("/");
  }
  EXPECT_EQ(server_.CountConnections(), 1u);
}

TEST_F(HttpConnectionTest, TellsTheWayThereAndBackFromTheConnectionsItMade) {
  RespondOk();
  EXPECT_FALSE(Client().RoundTrip());
  Get("/");
  const auto made = Client().RoundTrip();
  ASSERT_TRUE(made);
  EXPECT_GT(*made, Clock::duration::zero());
  Get("/");
  EXPECT_EQ(Client().RoundTrip(), made) << "none was made since";
}

TEST_F(HttpConnectionTest, SendsNoMoreRequestsThanThePaceAllows) {
  server_.SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    request.target == "/" ? reply.Respond(302, "", "", {{"Location", "/there"}}) : reply.Respond(200, "", "ok");
  });
  options_.rate_limiter = std::make_shared<RateLimiter>(1);
  Get("/there");
  const auto hurried = [] { return Context::WithTimeout(std::chrono::milliseconds(100)); };
  EXPECT_EQ(GetError("/there", hurried()).code(), ErrorCode::kTimedOut);
  EXPECT_EQ(server_.CountRequests(), 1u);
  Get("/there");
  EXPECT_EQ(server_.CountRequests(), 2u);
  // What a redirect leads to is a request, too.
  EXPECT_EQ(GetError("/", Context::WithTimeout(std::chrono::milliseconds(1500))).code(), ErrorCode::kTimedOut);
  EXPECT_EQ(server_.CountRequests("/there"), 2u);
  EXPECT_EQ(server_.CountRequests(), 3u);
}

TEST_F(HttpConnectionTest, KeepsConnectionsAfterErrorStatuses) {
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) { reply.Respond(500, "", "why"); });
  Get("/");
  Get("/");
  EXPECT_EQ(server_.CountConnections(), 1u);
}

TEST_F(HttpConnectionTest, OpensAnotherAfterAnAbortedTransfer) {
  RespondOk("12345678");
  EXPECT_EQ(Caught([&] { Client().Fetch({.url = server_.Url("/")}, Patient(), 2); }).code(), ErrorCode::kTooMany);
  EXPECT_EQ(Get("/").body, "12345678");
  EXPECT_EQ(server_.CountConnections(), 2u);
}

TEST_F(HttpConnectionTest, NeverUsesLeftoverBytesAsTheNextResponse) {
  server_.SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    request.number == 0 ? (void)reply.Send(
                              "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"
                              "Content-Length: 3\r\n\r\nbad")
                        : (void)reply.Respond(200, "", "good");
  });
  EXPECT_EQ(GetError("/").code(), ErrorCode::kProtocol);
  EXPECT_EQ(Get("/").body, "good");
}

TEST_F(HttpConnectionTest, SendsOnceMoreWhenAKeptConnectionIsClosed) {
  RespondOnceOnEachConnection([](HttpReply& reply) { reply.Close(); });
  EXPECT_EQ(Get("/1").body, "ok");
  EXPECT_EQ(Get("/2").body, "ok");
  EXPECT_THAT(ConnectionsOfRequests(), ElementsAre(0, 0, 1));
}

TEST_F(HttpConnectionTest, SendsOnceMoreWhenAKeptConnectionIsReset) {
  RespondOnceOnEachConnection([](HttpReply& reply) { reply.Cut(); });
  EXPECT_EQ(Get("/1").body, "ok");
  EXPECT_EQ(Get("/2").body, "ok");
  EXPECT_THAT(ConnectionsOfRequests(), ElementsAre(0, 0, 1));
}

TEST_F(HttpConnectionTest, SendsALargeBodyOnceMore) {
  RespondOnceOnEachConnection([](HttpReply& reply) { reply.Cut(); });
  const std::string body(2'000'000, 'x');
  Client().Fetch({.method = "POST", .url = server_.Url("/1"), .body = body}, Patient());
  Client().Fetch({.method = "POST", .url = server_.Url("/2"), .body = body}, Patient());
  const auto requests = server_.Requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[2].body, body);
}

TEST_F(HttpConnectionTest, SendsOnceMoreWhenAKeptConnectionIsResetBeforeTheRequestWasSent) {
  const UniqueFd listener = ListenOnLoopback();
  const std::string url = StrCat("http://127.0.0.1:", PortOf(listener.get()), "/");
  const std::string body(50'000'000, 'x');  // more than the kernel's buffers hold
  const timeval patience{20, 0};
  ASSERT_EQ(setsockopt(listener.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
  std::jthread server([&] {
    const UniqueFd no_stop;
    std::array<char, 65536> bytes{};
    const auto receive = [&](const UniqueFd& socket) {
      std::string buffer;
      while (!TakeRequest(buffer)) {
        const ssize_t got = read(socket.get(), bytes.data(), bytes.size());
        ASSERT_GT(got, 0);
        buffer.append(bytes.data(), static_cast<size_t>(got));
      }
    };
    UniqueFd socket(accept(listener.get(), nullptr, nullptr));
    receive(socket);
    SendAll(socket.get(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", no_stop.get());
    EXPECT_GT(read(socket.get(), bytes.data(), bytes.size()), 0);  // the begin of the second request
    Reset(socket);
    socket.Reset(accept(listener.get(), nullptr, nullptr));
    receive(socket);
    SendAll(socket.get(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", no_stop.get());
  });
  Client().Fetch({.url = url}, Patient());
  EXPECT_EQ(Client().Fetch({.method = "POST", .url = url, .body = body}, Patient()).body, "ok");
}

TEST_F(HttpConnectionTest, SendsNoMoreThanOnceMore) {
  server_.SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    request.number == 0 ? (void)reply.Respond(200, "", "ok") : reply.Close();
  });
  Get("/1");
  EXPECT_EQ(GetError("/2").code(), ErrorCode::kUnavailable);
  EXPECT_THAT(ConnectionsOfRequests(), ElementsAre(0, 0, 1));
}

TEST_F(HttpConnectionTest, DoesNotSendAgainWhenAResponseHadBegun) {
  for (const std::string begun : {"HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
                                  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"}) {
    const size_t before = server_.CountRequests();
    RespondOk();
    Get("/1");
    RespondRaw(begun);
    EXPECT_EQ(GetError("/2").code(), ErrorCode::kProtocol) << begun;
    EXPECT_EQ(server_.CountRequests(), before + 2) << begun;
  }
}

TEST_F(HttpConnectionTest, FreshConnectionsAreNotRetried) {
  RespondRaw("");
  GetError("/");
  EXPECT_EQ(server_.CountRequests(), 1u);
}

TEST_F(HttpConnectionTest, ManyKeptConnectionsThatWereClosedCostOneMoreRequestEach) {
  constexpr size_t kThreads = 8;
  std::mutex mutex;
  std::condition_variable all_here;
  size_t here = 0;
  // All at the same time, so that each call has a connection of its own.
  server_.SetHandler([&](const ReceivedRequest&, HttpReply& reply) {
    std::unique_lock lock(mutex);
    ++here;
    all_here.notify_all();
    all_here.wait_for(lock, std::chrono::seconds(60), [&] { return here >= kThreads; });
    lock.unlock();
    reply.Respond(200, "", "ok");
  });
  const auto round = [&] {
    HttpClient& client = Client();
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] { EXPECT_EQ(client.Fetch({.url = server_.Url("/")}, Patient()).body, "ok"); });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  };
  round();
  EXPECT_EQ(server_.CountConnections(), kThreads);
  RespondOnceOnEachConnection([](HttpReply& reply) { reply.Respond(200, "", "ok"); });
  server_.SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    request.connection < kThreads ? reply.Close() : (void)reply.Respond(200, "", "ok");
  });
  round();
  EXPECT_LE(server_.CountRequests(), 3 * kThreads);
}

}  // namespace
}  // namespace trolley
