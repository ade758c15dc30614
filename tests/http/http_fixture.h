#ifndef TROLLEY_TESTS_HTTP_HTTP_FIXTURE_H_
#define TROLLEY_TESTS_HTTP_HTTP_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/text.h"
#include "support/http_fake.h"
#include "trolley/error.h"
#include "trolley/http_client.h"

namespace trolley {

// Keeps what it is told.
class RecordingSink : public HttpSink {
 public:
  void OnHead(const HttpHead& head) override {
    EXPECT_TRUE(body.empty());
    heads.push_back(head);
  }
  void OnBody(std::span<const std::byte> piece) override {
    EXPECT_EQ(heads.size(), 1u);
    body.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }
  std::vector<HttpHead> heads;
  std::string body;
};

template <typename Function>
Error Caught(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ErrorCode::kInvalidArgument, "nothing was thrown");
}

class HttpFixture : public testing::Test {
 protected:
  HttpFixture() {
    for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"}) {
      unsetenv(name);
    }
  }

  HttpClient& Client() {
    if (client_ == nullptr) {
      client_ = std::make_unique<HttpClient>(options_);
    }
    return *client_;
  }
  // Far more than anything here takes: a hang fails, slowness does not.
  static Context Patient() { return Context::WithTimeout(std::chrono::seconds(60)); }

  HttpResponse Get(const std::string& path, const Context& context = Patient()) {
    return Client().Fetch({.url = server_.Url(path)}, context);
  }
  Error GetError(const std::string& path, const Context& context = Patient()) {
    return Caught([&] { Get(path, context); });
  }
  // Each request gets these bytes as they are, and then the connection is closed.
  void RespondRaw(std::string bytes) {
    server_.SetHandler([bytes = std::move(bytes)](const ReceivedRequest&, HttpReply& reply) {
      reply.Send(bytes);
      reply.Close();
    });
  }
  void RespondOk(std::string body = "ok") {
    server_.SetHandler(
        [body = std::move(body)](const ReceivedRequest&, HttpReply& reply) { reply.Respond(200, "text/plain", body); });
  }

  FakeHttpServer server_;
  HttpOptions options_;

 private:
  std::unique_ptr<HttpClient> client_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_HTTP_HTTP_FIXTURE_H_
