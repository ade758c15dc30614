#include "trolley/http_client.h"

#include <atomic>
#include <thread>

#include "http/http_fixture.h"
#include "support/sockets.h"

namespace trolley {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class HttpTest : public HttpFixture {};

TEST_F(HttpTest, FetchesStatusHeadersAndBody) {
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Respond(203, "application/dicom+json", "[]", {{"X-Two", " a "}, {"x-two", "b"}});
  });
  const HttpResponse response = Get("/studies");
  EXPECT_EQ(response.head.status, 203);
  EXPECT_EQ(response.head.Header("content-type"), "application/dicom+json");
  EXPECT_EQ(response.head.Header("x-two"), "a");
  EXPECT_EQ(response.head.Header("x-three"), "");
  EXPECT_EQ(response.head.content_length, 2u);
  EXPECT_EQ(response.body, "[]");
}

TEST_F(HttpTest, SendsWhatIsAskedAndNoMore) {
  RespondOk();
  Client().Fetch({.url = server_.Url("/a%20b?c=d*e,f"), .headers = {"Accept: x/y"}}, Patient());
  const ReceivedRequest request = server_.Requests().at(0);
  EXPECT_EQ(request.raw, StrCat("GET /a%20b?c=d*e,f HTTP/1.1\r\nHost: 127.0.0.1:", server_.port(),
                                "\r\nUser-Agent: trolleyfs\r\nAccept: x/y\r\n\r\n"));
}

TEST_F(HttpTest, PostsABody) {
  RespondOk();
  const std::string body(3'000'000, 'x');
  Client().Fetch(
      {.method = "POST", .url = server_.Url("/"), .headers = {"Content-Type: application/soap+xml"}, .body = body},
      Patient());
  const ReceivedRequest request = server_.Requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.Header("content-type"), "application/soap+xml");
  EXPECT_EQ(request.Header("expect"), "");
  EXPECT_EQ(request.body, body);
}

TEST_F(HttpTest, PostsAnEmptyBody) {
  RespondOk();
  Client().Fetch({.method = "POST", .url = server_.Url("/")}, Patient());
  EXPECT_EQ(server_.Requests().at(0).Header("content-length"), "0");
}

TEST_F(HttpTest, HeadHasNoBody) {
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) { reply.Head(200, {{"Content-Length", "1000"}}); });
  const HttpResponse response = Client().Fetch({.method = "HEAD", .url = server_.Url("/")}, Patient());
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(response.head.Header("content-length"), "1000");
  EXPECT_EQ(response.head.content_length, std::nullopt);
}

TEST_F(HttpTest, StatusesAreNoErrors) {
  for (const int status : {204, 300, 304, 400, 401, 404, 500, 503}) {
    server_.SetHandler([status](const ReceivedRequest&, HttpReply& reply) {
      status == 204 || status == 304 ? reply.Head(status, {}) : reply.Respond(status, "text/plain", "why");
    });
    EXPECT_EQ(Get("/").head.status, status);
  }
}

TEST_F(HttpTest, StreamsInOrderAndTellsTheHeadOnce) {
  const std::string body(5'000'000, 'y');
  RespondRaw(StrCat("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: 1\r\n\r\n",
                    "HTTP/1.1 200 OK\r\nX-A: 1\r\n folded\r\n\r\n", body));
  RecordingSink sink;
  const HttpHead head = Client().Stream({.url = server_.Url("/")}, sink, Patient());
  ASSERT_EQ(sink.heads.size(), 1u);
  EXPECT_EQ(sink.heads[0].status, 200);
  EXPECT_EQ(sink.heads[0].headers, (std::vector<std::pair<std::string, std::string>>{{"x-a", "1 folded"}}));
  EXPECT_EQ(sink.heads[0].content_length, std::nullopt);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(sink.body, body);
}

TEST_F(HttpTest, TakesChunkedBodies) {
  RespondRaw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n");
  const HttpResponse response = Get("/");
  EXPECT_EQ(response.body, "abcde");
  EXPECT_EQ(response.head.content_length, std::nullopt);
  EXPECT_EQ(response.head.Header("trailer"), "");
}

TEST_F(HttpTest, ABodyShorterThanPromisedIsAnError) {
  RespondRaw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  const Error error = GetError("/studies");
  EXPECT_EQ(error.code(), ErrorCode::kProtocol);
  EXPECT_STREQ(
      error.what(),
      StrCat("Cannot GET ", server_.Url("/studies"), ": the response was cut off after 3 of 10 bytes").c_str());
}

TEST_F(HttpTest, ABodyLongerThanPromisedIsAnError) {
  for (const std::string connection : {"close", "keep-alive"}) {
    RespondRaw(StrCat("HTTP/1.1 200 OK\r\nConnection: ", connection, "\r\nContent-Length: 3\r\n\r\nabcdef"));
    EXPECT_EQ(GetError("/").code(), ErrorCode::kProtocol) << connection;
    // Too long for one read.
    RespondRaw(StrCat("HTTP/1.1 200 OK\r\nConnection: ", connection, "\r\nContent-Length: 3000000\r\n\r\n",
                      std::string(3'000'001, 'x')));
    EXPECT_THAT(GetError("/").what(), HasSubstr("longer than its Content-Length of 3000000")) << connection;
  }
}

TEST_F(HttpTest, CutChunksAreErrors) {
  for (const std::string body :
       {"", "3\r\nab", "3\r\nabc\r\n", "3\r\nabc\r\n0\r\n", "xyz\r\n", "3\r\nabcdef\r\n0\r\n\r\n"}) {
    RespondRaw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body);
    const Error error = GetError("/");
    EXPECT_EQ(error.code(), ErrorCode::kProtocol) << body << error.what();
  }
}

TEST_F(HttpTest, AResetWithinTheBodyIsAnError) {
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Send("HTTP/1.1 200 OK\r\n\r\nabc");
    reply.Wait(std::chrono::milliseconds(50));
    reply.Cut();
  });
  EXPECT_EQ(GetError("/").code(), ErrorCode::kUnavailable);
}

TEST_F(HttpTest, MalformedHeadsAreErrors) {
  for (const std::string head : {
           "<html>Hello</html>\r\n",
           "HTTP/1.1\r\n\r\n",
           "HTTP/1.1 abc Bad\r\n\r\n",
           "HTTP/1.1 20\r\n\r\n",
           "HTTP/1.1 099 Low\r\n\r\n",
           "HTTP/9.9 200 OK\r\n\r\n",
           "HTTP/1.1 200 OK\r\n",
           "HTTP/1.1 200 OK\r\nContent-Type: te",
           "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\na",
           "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\na",
           "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
           "\r\n\r\n\r\n",
       }) {
    RespondRaw(head);
    const Error error = GetError("/");
    EXPECT_EQ(error.code(), ErrorCode::kProtocol) << head << error.what();
  }
}

TEST_F(HttpTest, EndlessHeadsAreErrors) {
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Send("HTTP/1.1 200 OK\r\n");
    while (reply.Send("X: 0123456789012345678901234567890123456789\r\n")) {
    }
  });
  EXPECT_EQ(GetError("/").code(), ErrorCode::kProtocol);
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Send("HTTP/1.1 200 OK\r\nX: ");
    while (reply.Send("0123456789012345678901234567890123456789")) {
    }
  });
  EXPECT_EQ(GetError("/").code(), ErrorCode::kProtocol);
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    while (reply.Send("HTTP/1.1 100 Continue\r\n\r\n")) {
    }
  });
  EXPECT_EQ(GetError("/").code(), ErrorCode::kProtocol);
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    while (reply.Send("X: 0123456789012345678901234567890123456789\r\n")) {
    }
  });
  EXPECT_EQ(GetError("/").code(), ErrorCode::kProtocol);
}

TEST_F(HttpTest, NoResponseAtAllIsAnError) {
  RespondRaw("");
  const Error error = GetError("/");
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr("without a response"));
  EXPECT_EQ(server_.CountRequests(), 1u);  // on a fresh connection, there is nothing to repeat
}

TEST_F(HttpTest, RefusedConnectionsAreErrors) {
  const int port = FreePort();
  const Error error = Caught([&] {
    Client().Fetch({.url = StrCat("http://user:pass@127.0.0.1:", port, "/p?PatientName=Doe^John&limit=1")}, Patient());
  });
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_STREQ(
      error.what(),
      StrCat("Cannot GET http://127.0.0.1:", port, "/p?PatientName=...&limit=...: connection refused").c_str());
}

TEST_F(HttpTest, UnknownHostsAreErrors) {
  const Error error = Caught([&] { Client().Fetch({.url = "http://archive.invalid/"}, Patient()); });
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr("archive.invalid"));
}

TEST_F(HttpTest, RefusesUrlsThatAreNotHttp) {
  for (const std::string url : {"", "nonsense", "file:///etc/passwd", "ftp://127.0.0.1/", "http://", "http://h:99999/",
                                "http://h/\r\nX: y", "gopher://127.0.0.1:1/"}) {
    EXPECT_EQ(Caught([&] { Client().Fetch({.url = url}, Patient()); }).code(), ErrorCode::kInvalidArgument) << url;
  }
}

TEST_F(HttpTest, RefusesSmuggledHeaders) {
  for (const std::string line : {"A: b\r\nC: d", "A: b\n", "no colon"}) {
    EXPECT_EQ(Caught([&] { Client().Fetch({.url = server_.Url("/"), .headers = {line}}, Patient()); }).code(),
              ErrorCode::kInvalidArgument);
  }
  for (const std::string method : {"", "GET / HTTP/1.1\r\nX:", "get"}) {
    EXPECT_EQ(Caught([&] { Client().Fetch({.method = method, .url = server_.Url("/")}, Patient()); }).code(),
              ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(server_.CountRequests(), 0u);
}

TEST_F(HttpTest, BoundsTheFetchedBody) {
  RespondOk(std::string(1000, 'x'));
  const Error told = Caught([&] { Client().Fetch({.url = server_.Url("/")}, Patient(), 999); });
  EXPECT_EQ(told.code(), ErrorCode::kTooMany);
  EXPECT_EQ(Client().Fetch({.url = server_.Url("/")}, Patient(), 1000).body.size(), 1000u);
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Send("HTTP/1.1 200 OK\r\n\r\n");
    while (reply.Send("0123456789012345678901234567890123456789")) {
    }
  });
  const Error endless = Caught([&] { Client().Fetch({.url = server_.Url("/")}, Patient(), 1 << 20); });
  EXPECT_EQ(endless.code(), ErrorCode::kTooMany);
}

TEST_F(HttpTest, PassesOnWhatTheSinkThrows) {
  RespondOk("body");
  class Full : public RecordingSink {
    void OnBody(std::span<const std::byte>) override { throw Error(ErrorCode::kNoSpace, "full"); }
  } full;
  EXPECT_EQ(Caught([&] { Client().Stream({.url = server_.Url("/")}, full, Patient()); }).code(), ErrorCode::kNoSpace);
  class Refusing : public RecordingSink {
    void OnHead(const HttpHead&) override { throw std::logic_error("no"); }
  } refusing;
  EXPECT_THROW(Client().Stream({.url = server_.Url("/")}, refusing, Patient()), std::logic_error);
  EXPECT_EQ(Get("/").body, "body");
}

// gzip of "hello hello hello hello\n"
const std::string kGzip(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\xb9\x00\x00\x88\x59\x0b\x18\x00\x00"
    "\x00",
    29);

TEST_F(HttpTest, DecodesGzipWhereAsked) {
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Respond(200, "application/dicom+json", kGzip, {{"Content-Encoding", "gzip"}});
  });
  const HttpResponse response = Client().Fetch({.url = server_.Url("/"), .accept_gzip = true}, Patient());
  EXPECT_EQ(response.body, "hello hello hello hello\n");
  EXPECT_EQ(response.head.content_length, std::nullopt);
  EXPECT_EQ(server_.Requests().at(0).Header("accept-encoding"), "gzip");
}

TEST_F(HttpTest, BoundsTheDecodedBody) {
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Respond(200, "", kGzip, {{"Content-Encoding", "gzip"}});
  });
  EXPECT_EQ(Caught([&] { Client().Fetch({.url = server_.Url("/"), .accept_gzip = true}, Patient(), 10); }).code(),
            ErrorCode::kTooMany);
}

TEST_F(HttpTest, RefusesEncodingsThatWereNotAskedFor) {
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Respond(200, "", kGzip, {{"Content-Encoding", "gzip"}});
  });
  EXPECT_THAT(GetError("/").what(), HasSubstr("Content-Encoding"));
  EXPECT_EQ(server_.Requests().at(0).Header("accept-encoding"), "");
  server_.SetHandler([](const ReceivedRequest&, HttpReply& reply) {
    reply.Respond(200, "", "x", {{"Content-Encoding", "identity"}});
  });
  EXPECT_EQ(Get("/").body, "x");
}

TEST_F(HttpTest, BrokenGzipIsAnError) {
  for (const std::string& bytes :
       {std::string("no gzip at all"), kGzip.substr(0, 10) + "\xff\xff\xff" + kGzip.substr(13)}) {
    server_.SetHandler([bytes](const ReceivedRequest&, HttpReply& reply) {
      reply.Respond(200, "", bytes, {{"Content-Encoding", "gzip"}});
    });
    EXPECT_EQ(Caught([&] { Client().Fetch({.url = server_.Url("/"), .accept_gzip = true}, Patient()); }).code(),
              ErrorCode::kProtocol);
  }
}

TEST_F(HttpTest, NamesACaFileThatIsMissing) {
  options_.ca_file = "/nonexistent/ca.pem";
  const Error error = Caught([&] { Client(); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.what(), HasSubstr("/nonexistent/ca.pem"));
}

TEST_F(HttpTest, AsksThroughAProxy) {
  RespondOk("from the proxy");
  options_.proxy = server_.Url();
  EXPECT_EQ(Client().Fetch({.url = "http://archive.invalid/studies"}, Patient()).body, "from the proxy");
  EXPECT_FALSE(Client().RoundTrip()) << "the way to the proxy is not that to the server";
  EXPECT_EQ(server_.Requests().at(0).target, "http://archive.invalid/studies");
}

TEST_F(HttpTest, ServesManyThreadsAtOnce) {
  constexpr int kThreads = 50;
  constexpr int kRounds = 10;
  server_.SetHandler([](const ReceivedRequest& request, HttpReply& reply) {
    reply.Respond(200, "", std::string(10'000, request.target.back()) + request.target);
  });
  HttpClient& client = Client();
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        const std::string target = StrCat("/", i, "/", round);
        const HttpResponse response = client.Fetch({.url = server_.Url(target)}, Patient());
        good += response.body == std::string(10'000, target.back()) + target ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(good, kThreads * kRounds);
  EXPECT_EQ(server_.CountRequests(), size_t{kThreads * kRounds});
  EXPECT_LE(server_.CountConnections(), size_t{kThreads});
}

}  // namespace
}  // namespace trolley
