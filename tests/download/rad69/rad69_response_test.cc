#include "download/rad69/rad69_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/text.h"
#include "support/fake_rad69.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using Status = Rad69Response::Status;

TEST(Rad69ResponseTest, ReadsSuccess) {
  const Rad69Response response = ParseRad69Response(Rad69EnvelopeXml(
      "Success", "", Rad69DocumentXml("1.2.3", "cid:1.2.3@urn%3Aihe%3Arad") + Rad69DocumentXml("1.2.4", "cid:x")));
  EXPECT_EQ(response.status, Status::kSuccess);
  EXPECT_TRUE(response.errors.empty());
  EXPECT_FALSE(response.damaged);
  EXPECT_THAT(response.documents, ElementsAre(Pair("1.2.3@urn:ihe:rad", Uid("1.2.3")), Pair("x", Uid("1.2.4"))));
}

TEST(Rad69ResponseTest, ReadsErrors) {
  const Rad69Response response = ParseRad69Response(Rad69EnvelopeXml(
      "PartialSuccess", Rad69ErrorXml("XDSMissingDocument", "1.2.3") + Rad69ErrorXml("Odd", " 1.2.4 ", "Warning"),
      Rad69DocumentXml("1.2.5", "cid:a")));
  EXPECT_EQ(response.status, Status::kPartialSuccess);
  ASSERT_EQ(response.errors.size(), 2u);
  EXPECT_EQ(response.errors[0].code, "XDSMissingDocument");
  EXPECT_EQ(response.errors[0].context, "Unable to locate SOP from MINT.");
  EXPECT_EQ(response.errors[0].location, "1.2.3");
  EXPECT_FALSE(response.errors[0].warning);
  EXPECT_EQ(response.errors[1].location, "1.2.4");
  EXPECT_TRUE(response.errors[1].warning);
  EXPECT_EQ(ParseRad69Response(Rad69EnvelopeXml("Failure", "", "")).status, Status::kFailure);
}

TEST(Rad69ResponseTest, ReadsFaultsOfBothVersions) {
  const std::string before = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><s:Fault>";
  const std::string after = "</s:Fault></s:Body></s:Envelope>";
  EXPECT_EQ(
      ParseRad69Response(
          before + "<s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>no\nsuch</s:Text></s:Reason>" + after)
          .fault,
      "Sender: no such");
  EXPECT_EQ(ParseRad69Response(before + "<faultcode>s:Server</faultcode><faultstring>x</faultstring>" + after).fault,
            "Server: x");
  EXPECT_EQ(ParseRad69Response(before + after).fault, "");
}

TEST(Rad69ResponseTest, ReadsEmbeddedDocuments) {
  const std::string document =
      "<DocumentResponse><DocumentUniqueId>1.2.3</DocumentUniqueId><Document>RElD\r\n "
      "TQ==</Document></DocumentResponse>";
  const Rad69Response response = ParseRad69Response(Rad69EnvelopeXml("Success", "", document));
  EXPECT_THAT(response.embedded, ElementsAre(Pair(Uid("1.2.3"), "DICM")));
}

TEST(Rad69ResponseTest, MakesOutWhatItCanOfDamagedXml) {
  // As in a recorded response: quotes are missing.
  std::string xml = Rad69EnvelopeXml("PartialSuccess", Rad69ErrorXml("XDSMissingDocument", "1.2.3"),
                                     Rad69DocumentXml("1.2.5", "cid:a%20b"));
  xml.replace(xml.find("xds-b:2007\""), 11, "xds-b:2007");
  xml.replace(xml.find("xop/include\""), 12, "xop/include");
  const Rad69Response response = ParseRad69Response(xml);
  EXPECT_TRUE(response.damaged);
  EXPECT_EQ(response.status, Status::kPartialSuccess);
  ASSERT_EQ(response.errors.size(), 1u);
  EXPECT_EQ(response.errors[0].location, "1.2.3");
  EXPECT_THAT(response.documents, ElementsAre(Pair("a b", Uid("1.2.5"))));
}

TEST(Rad69ResponseTest, RefusesWhatIsNoEnvelope) {
  for (const std::string xml : {"", "Error, server really does not know anymore", "<html><body>Envelope</body></html>",
                                "<a>Envelope</a>", "{\"Envelope\": 1}"}) {
    try {
      const Rad69Response response = ParseRad69Response(xml);
      EXPECT_TRUE(response.damaged) << xml;  // not XML at all, and nothing in it
      EXPECT_EQ(response.status, Status::kNone) << xml;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kProtocol);
      EXPECT_THAT(error.what(), HasSubstr("check the URL"));
    }
  }
}

TEST(Rad69ResponseTest, SurvivesHostileXml) {
  const Rad69Response tags = ParseRad69Response("Envelope" + std::string(200'000, '<'));
  EXPECT_EQ(tags.status, Status::kNone);
  std::string cids;
  for (int i = 0; i < 50000; ++i) {
    cids += "cid:";
  }
  EXPECT_EQ(ContentId(cids), cids.substr(4));
  std::string deep = "<Envelope>";
  for (int i = 0; i < 100000; ++i) {
    deep += "<Body>";
  }
  EXPECT_TRUE(ParseRad69Response(deep).documents.empty());
  const Rad69Response entities =
      ParseRad69Response("<!DOCTYPE s [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>" +
                         Rad69EnvelopeXml("Failure", Rad69ErrorXml("&a;", "1"), "")
                             .substr(std::string("<?xml version=\"1.0\" encoding=\"utf-8\" ?>").size()));
  ASSERT_EQ(entities.errors.size(), 1u);
  EXPECT_EQ(entities.errors[0].code, "&a;");
}

TEST(Rad69ResponseTest, ComparesContentIds) {
  EXPECT_EQ(ContentId(" <1.2@urn:ihe> "), "1.2@urn:ihe");
  EXPECT_EQ(ContentId("1.2@urn:ihe"), "1.2@urn:ihe");
  EXPECT_EQ(ContentId("cid:1.2@urn%3Aihe"), "1.2@urn:ihe");
  EXPECT_EQ(ContentId("cid:100%"), "100%");
  EXPECT_EQ(ContentId("a%20b"), "a%20b");  // a header is not encoded
}

}  // namespace
}  // namespace trolley
