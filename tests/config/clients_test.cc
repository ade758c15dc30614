#include "config/clients.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/text.h"
#include "dimse/association_pool.h"
#include "support/fake_scp.h"
#include "support/http_fake.h"
#include "trolley/config.h"
#include "trolley/error.h"
#include "trolley/query.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;

// Queries over HTTP, files over associations.
class ClientsTest : public testing::Test {
 protected:
  ClientsTest()
      : http_([](const ReceivedRequest&, HttpReply& reply) { reply.Respond(200, "application/dicom+json", "[]"); }),
        scp_(FakeScp::Serving([](FakeConversation& conversation, const FakeMessage& message) {
          conversation.Respond(message, dimse::kSuccess);
        })) {}

  Clients Make(const std::string& limits) {
    const std::string text = StrCat("[archive.a]\nsearcher = { type = \"qido-rs\", url = \"", http_.Url("/dicom-web"),
                                    "\" }\ndownloader = { type = \"c-get\", host = \"127.0.0.1\", port = ", scp_.port(),
                                    " }\nlimits = { ", limits, " }\n");
    return MakeClients(ParseConfig(text, "c.toml").archives.at("a"), nullptr);
  }
  static void Search(const Clients& clients) {
    clients.searcher->Find(Query(Level::kStudy).Where("PatientID", "1"), Context::WithTimeout(60s));
  }

  FakeHttpServer http_;
  FakeScp scp_;
};

TEST_F(ClientsTest, SearcherAndDownloaderShareTheRequestsOfASecond) {
  const Clients clients = Make("requests_per_second = 1");
  Search(clients);
  try {
    Echo(*clients.downloader_associations, Context::WithTimeout(100ms));
    ADD_FAILURE() << "one more request was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTimedOut);
  }
  EXPECT_EQ(scp_.connections(), 0);
  Echo(*clients.downloader_associations, Context::WithTimeout(60s));
}

TEST_F(ClientsTest, WithoutALimitNothingWaits) {
  const Clients clients = Make("connections = 2");
  EXPECT_EQ(clients.downloader_associations->peer().pace, nullptr);
  for (int i = 0; i < 20; ++i) {
    Search(clients);
  }
}

}  // namespace
}  // namespace trolley
