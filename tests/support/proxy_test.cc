#include "support/proxy.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <future>

#include "support/http_fake.h"

namespace trolley {
namespace {

class ProxyTest : public testing::Test {
 protected:
  ProxyTest()
      : server_([](const ReceivedRequest& request, HttpReply& reply) {
          reply.Respond(200, "text/plain", request.target == "/big" ? std::string(1'000'000, 'x') : request.target);
        }),
        proxy_(server_.port()) {}
  static std::string Get(int port, const std::string& target) {
    httplib::Client client("127.0.0.1", port);
    client.set_read_timeout(60);
    const httplib::Result reply = client.Get(target);
    return reply ? reply->body : "failed";
  }

  FakeHttpServer server_;
  CountingProxy proxy_;
};

TEST_F(ProxyTest, PassesOnAndCounts) {
  EXPECT_EQ(Get(proxy_.port(), "/one"), "/one");
  EXPECT_EQ(Get(proxy_.port(), "/big").size(), 1'000'000U);
  EXPECT_EQ(proxy_.CountRequests(), 2U);
  EXPECT_EQ(proxy_.CountRequests("/b"), 1U);
  EXPECT_EQ(proxy_.CountRequests("", "/b"), 1U);
  EXPECT_GT(proxy_.BytesInResponses(), 1'000'000U);
  EXPECT_EQ(server_.CountRequests("/one"), 1U);
}

TEST_F(ProxyTest, SeesEachRequestOfAKeptConnection) {
  httplib::Client client("127.0.0.1", proxy_.port());
  client.set_keep_alive(true);
  EXPECT_EQ(client.Get("/1")->body, "/1");
  EXPECT_EQ(client.Post("/2", "body", "text/plain")->body, "/2");
  EXPECT_EQ(client.Get("/3")->body, "/3");
  EXPECT_EQ(proxy_.Targets(), (std::vector<std::string>{"/1", "/2", "/3"}));
  EXPECT_EQ(proxy_.Requests()[1].body, "body");
}

TEST_F(ProxyTest, HangsUntilItMayPassAndThenGoesOn) {
  proxy_.Hang("/one");
  auto waiting = std::async(std::launch::async, [&] { return Get(proxy_.port(), "/one"); });
  ASSERT_TRUE(proxy_.WaitForRequests(1));
  EXPECT_EQ(Get(proxy_.port(), "/two"), "/two");
  EXPECT_EQ(server_.CountRequests("/one"), 0U);
  EXPECT_EQ(waiting.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  proxy_.Pass();
  EXPECT_EQ(waiting.get(), "/one");
}

TEST_F(ProxyTest, HangsInTheMiddleOfAResponse) {
  proxy_.Hang("/big", 1000);
  auto waiting = std::async(std::launch::async, [&] { return Get(proxy_.port(), "/big").size(); });
  ASSERT_TRUE(server_.WaitForRequests(1));
  while (proxy_.BytesInResponses() < 1000) {
    std::this_thread::yield();
  }
  EXPECT_EQ(proxy_.BytesInResponses(), 1000U);
  proxy_.Pass();
  EXPECT_EQ(waiting.get(), 1'000'000U);
}

TEST_F(ProxyTest, CutsAsOftenAsAsked) {
  proxy_.Cut(5000, "/big", 1);
  EXPECT_EQ(Get(proxy_.port(), "/big"), "failed");
  EXPECT_EQ(proxy_.BytesInResponses(), 5000U);
  EXPECT_EQ(Get(proxy_.port(), "/big").size(), 1'000'000U);
}

TEST_F(ProxyTest, RefusesUntilItMayPass) {
  proxy_.Refuse();
  EXPECT_EQ(Get(proxy_.port(), "/one"), "failed");
  proxy_.Pass();
  EXPECT_EQ(Get(proxy_.port(), "/one"), "/one");
}

TEST_F(ProxyTest, TheFakeCutsAndHangs) {
  server_.SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    if (request.target == "/cut") {
      reply.Head(200, {{"Content-Length", "10"}});
      reply.Send("12345");
      reply.Cut();
    } else {
      reply.Hang();
    }
  });
  EXPECT_EQ(Get(server_.port(), "/cut"), "failed");
  httplib::Client client("127.0.0.1", server_.port());
  client.set_read_timeout(0, 200'000);
  EXPECT_FALSE(client.Get("/hang"));
  EXPECT_EQ(server_.Targets(), (std::vector<std::string>{"/cut", "/hang"}));
}

}  // namespace
}  // namespace trolley
