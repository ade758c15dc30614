#include "config/clients.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "dicom/query.h"
#include "support/fake_scp.h"
#include "support/http_fake.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;

// Questions over HTTP, files over associations.
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
  static void Search(const Clients& ends) {
    ends.searcher->Find(Query(Level::kStudy).Where("PatientID", "1"), Context::WithTimeout(60s));
  }

  FakeHttpServer http_;
  FakeScp scp_;
};

TEST_F(ClientsTest, BothEndsShareTheRequestsOfASecond) {
  const Clients ends = Make("requests_per_second = 1");
  Search(ends);
  try {
    Echo(*ends.downloader_associations, Context::WithTimeout(100ms));
    ADD_FAILURE() << "one more request was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTimedOut);
  }
  EXPECT_EQ(scp_.connections(), 0);
  Echo(*ends.downloader_associations, Context::WithTimeout(60s));
}

TEST_F(ClientsTest, WithoutALimitNothingWaits) {
  const Clients ends = Make("connections = 2");
  EXPECT_EQ(ends.downloader_associations->peer().pace, nullptr);
  for (int i = 0; i < 20; ++i) {
    Search(ends);
  }
}

}  // namespace
}  // namespace trolley
